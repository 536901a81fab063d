"""nerfstudio folders: known cameras in, known cameras out, lens distortion undone on the way."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from zoetrope.scenes.datasets.dataset import write_dataset
from zoetrope.scenes.datasets.nerfstudio_folder import read_nerfstudio
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection

WIDTH, HEIGHT = 120, 90


def pose(k):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("yxz", [40 * k, -15, 5 * k], degrees=True).as_matrix()
    matrix[:3, 3] = matrix[:3, :3] @ [0.1 * k, 0, 3]
    return matrix


def write(folder, frames, **shared):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transforms.json").write_text(json.dumps({**shared, "frames": frames}))
    return folder


def convert(folder, tmp_path):
    written = write_dataset(read_nerfstudio(folder, None), tmp_path / "out")
    return written, load_collection(tmp_path / "out")


def test_cameras_masks_and_photos_come_through(tmp_path, make_photo):
    """Intrinsics for all, replaced in one frame; a photo at half the recorded size; a mask; names without ending."""
    folder, mask = tmp_path / "scan", np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:60, 30:90] = 255
    frames = []
    for k in range(4):
        size = (WIDTH // 2, HEIGHT // 2) if k == 2 else (WIDTH, HEIGHT)
        make_photo(folder / "images" / f"frame_{k:05d}.png", size)
        frames.append({"file_path": f"images/frame_{k:05d}.png", "transform_matrix": pose(k).tolist()})
    frames[1] |= {"fl_x": 200.0, "fl_y": 210.0, "cx": 61.0, "cy": 44.0, "file_path": "./images/frame_00001"}
    frames[3]["mask_path"] = "masks/frame_00003.png"
    (folder / "masks").mkdir()
    Image.fromarray(mask).save(folder / "masks" / "frame_00003.png")
    frames[0]["mask_path"] = "masks/frame_00000.png"
    write(folder, frames, camera_model="OPENCV", fl_x=150, fl_y=151, cx=59, cy=46, w=WIDTH, h=HEIGHT, k1=0, p2=0.0)
    written, collection = convert(folder, tmp_path)
    assert written.notes == ("frame_00000.png: its mask masks/frame_00000.png is missing; it was left out",)
    assert collection.known_cameras
    cameras = [photo.camera for photo in collection.photos]
    assert all(np.allclose(camera.camera_to_world, pose(k)) for k, camera in enumerate(cameras))
    found = [(camera.fx, camera.fy, camera.cx, camera.cy) for camera in cameras]
    assert found == [(150, 151, 59, 46), (200, 210, 61, 44), (75, 75.5, 29.5, 23), (150, 151, 59, 46)]
    assert np.array_equal(collection.photos[3].mask, mask)
    assert collection.photos[1].mask is None
    for k in range(4):
        name = f"frame_{k:05d}.png"
        assert (tmp_path / "out" / name).read_bytes() == (folder / "images" / name).read_bytes()


def test_distorted_photos_are_straightened_and_their_cameras_still_hit(tmp_path):
    """Dots at known places in the world, drawn through the distorted lens: the collection's pinhole finds them."""
    folder, size, focal = tmp_path / "scan", (640, 480), 500.0
    (folder / "images").mkdir(parents=True)
    distortion = np.array([-0.25, 0.08, 0.002, -0.003, 0.01])
    lens = np.array([[focal, 0, 330 - 0.5], [0, focal, 235 - 0.5], [0, 0, 1]])
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-0.7, 0.7, 4), [0.0]), -1).reshape(-1, 3)
    frames = []
    for k in range(2):
        world = pose(k)
        world[:3, :3] = Rotation.from_euler("y", 6 * k, degrees=True).as_matrix()
        world[:3, 3] = 0.1 * k, 0, 3
        local = (grid - world[:3, 3]) @ world[:3, :3] * [1, -1, -1]  # OpenGL axes to OpenCV's
        places, _ = cv2.projectPoints(local, np.zeros(3), np.zeros(3), lens, distortion)
        picture = np.full((480, 640, 3), 30, np.uint8)
        for x, y in places[:, 0]:
            cv2.circle(picture, (round(x * 16), round(y * 16)), 6 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
        Image.fromarray(picture).save(folder / "images" / f"{k}.png")
        frames.append({"file_path": f"images/{k}.png", "transform_matrix": world.tolist()})
    shared = dict(zip(("k1", "k2", "p1", "p2", "k3"), distortion.tolist(), strict=True))
    write(folder, frames, camera_model="OPENCV", fl_x=focal, fl_y=focal, cx=330, cy=235, w=640, h=480, **shared)
    written, collection = convert(folder, tmp_path)
    assert all("lens distortion was undone" in note for note in written.notes)
    for photo in collection.photos:
        assert (photo.width, photo.height) == size
        assert photo.pixels.min() >= 25, "an empty border was left"
        places, _ = photo.camera.project(grid)
        inside = ((places > 8) & (places < np.array(size) - 8)).all(axis=1)
        assert inside.sum() >= 12
        bright = photo.pixels[..., 0].astype(float) - 30
        for x, y in places[inside]:
            left, top = int(x) - 8, int(y) - 8
            patch = bright[max(top, 0) : top + 17, max(left, 0) : left + 17]
            rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]] + 0.5
            centre = np.array([(columns * patch).sum(), (rows * patch).sum()]) / patch.sum()
            assert np.allclose(centre + np.array([max(left, 0), max(top, 0)]), [x, y], atol=0.3)


def test_names_that_meet_are_told_apart_by_their_folders(tmp_path, make_photo):
    folder, frames = tmp_path / "scan", []
    for k, name in enumerate(("train/r_0.png", "test/r_0.png", "./test/r_1.png")):
        make_photo(folder / name, (WIDTH, HEIGHT))
        frames.append({"file_path": name, "transform_matrix": pose(k).tolist()})
    write(folder, frames, camera_angle_x=0.7)
    _, collection = convert(folder, tmp_path)
    assert [photo.stem for photo in collection.photos] == ["test_r_0", "test_r_1", "train_r_0"]
    assert np.allclose(collection.photos[2].camera.camera_to_world, pose(0))
    assert collection.photos[0].camera.fx == pytest.approx(WIDTH / 2 / np.tan(0.35))


def test_odd_frames_are_left_out(tmp_path, make_photo):
    folder, frames = tmp_path / "scan", []
    for k in range(5):
        make_photo(folder / "images" / f"{k}.png", (WIDTH, HEIGHT))
        frames.append({"file_path": f"images/{k}.png", "transform_matrix": pose(k).tolist()})
    frames[0]["transform_matrix"][0][0] = 7
    frames[1]["k4"] = 0.2
    frames[2]["camera_model"] = "EQUIRECTANGULAR"
    frames.append({"file_path": "images/9.png", "transform_matrix": pose(9).tolist()})
    write(folder, frames, fl_x=150, w=WIDTH, h=HEIGHT)
    written, collection = convert(folder, tmp_path)
    assert [photo.stem for photo in collection.photos] == ["3", "4"]
    reasons = {entry.name: entry.reason for entry in written.left_out}
    assert "off a rotation" in reasons["images/0.png"]
    assert "lens distortion k4 = 0.2" in reasons["images/1.png"]
    assert "camera model EQUIRECTANGULAR" in reasons["images/2.png"]
    assert reasons["images/9.png"] == "is missing from the folder"


def test_other_lenses_and_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="camera model OPENCV_FISHEYE; only OPENCV and pinholes"):
        read_nerfstudio(write(tmp_path / "a", [], camera_model="OPENCV_FISHEYE"), None)
    with pytest.raises(InputError, match="no list 'frames'"):
        read_nerfstudio(write(tmp_path / "b", [{"transform_matrix": []}]), None)
