"""nerfstudio folders: known cameras in, known cameras out, lens distortion undone on the way."""

import json
import re

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
    frames[0]["transform_matrix"][0] = [7, 0, 0, 0]
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
    with pytest.raises(InputError, match="camera model EQUIRECTANGULAR; only OPENCV, fisheyes and pinholes"):
        read_nerfstudio(write(tmp_path / "a", [], camera_model="EQUIRECTANGULAR"), None)
    with pytest.raises(InputError, match=r"ftheta_p0 = 0\.3; only OPENCV, fisheyes and pinholes"):
        read_nerfstudio(write(tmp_path / "c", [], ftheta_p0=0.3), None)
    with pytest.raises(InputError, match="from_na = True, other axes"):
        read_nerfstudio(write(tmp_path / "d", [], from_na=True), None)
    with pytest.raises(InputError, match="no list 'frames'"):
        read_nerfstudio(write(tmp_path / "b", [{"transform_matrix": []}]), None)


def dots(picture, places):
    """White dots with subpixel centres."""
    for x, y in places:
        cv2.circle(picture, (round((x - 0.5) * 16), round((y - 0.5) * 16)), 5 * 16, (255,) * 3, -1, cv2.LINE_AA, 4)
    return picture


def nearest_dot(photo, place):
    """How far the white dot about a place is from it, in pixels; None where the place is outside."""
    x, y = place
    if not (8 < x < photo.width - 8 and 8 < y < photo.height - 8):
        return None
    left, top = int(x) - 8, int(y) - 8
    bright = (photo.pixels[top : top + 17, left : left + 17].min(axis=2).astype(float) - 60).clip(0)
    rows, columns = np.mgrid[: bright.shape[0], : bright.shape[1]] + 0.5
    assert bright.sum() > 0
    return np.hypot((columns * bright).sum() / bright.sum() + left - x, (rows * bright).sum() / bright.sum() + top - y)


@pytest.mark.parametrize("field", ["camera_model", "is_fisheye"])
def test_fisheyes_are_undistorted(tmp_path, field):
    folder, size, focal = tmp_path / "scan", (320, 240), 180.0
    (folder / "images").mkdir(parents=True)
    coefficients = np.array([0.03, -0.004, 0.002, -0.0005])
    lens = np.array([[focal, 0, 163.0], [0, focal, 118.0], [0, 0, 1]])
    grid = np.stack(np.meshgrid(np.linspace(-2, 2, 5), np.linspace(-1.5, 1.5, 4), [0.0]), -1).reshape(-1, 3)
    world = pose(0)
    local = (grid - world[:3, 3]) @ world[:3, :3] * [1, -1, -1]
    # OpenCV's own projection; its pixel centres are at whole numbers.
    places, _ = cv2.fisheye.projectPoints(local[:, None], np.zeros(3), np.zeros(3), lens, coefficients)
    picture = dots(np.full((240, 320, 3), 40, np.uint8), places[:, 0] + 0.5)
    Image.fromarray(picture).save(folder / "images" / "0.png")
    flag = {"camera_model": "OPENCV_FISHEYE"} if field == "camera_model" else {"is_fisheye": True}
    shared = dict(zip(("k1", "k2", "k3", "k4"), coefficients.tolist(), strict=True))
    frame = {"file_path": "images/0.png", "transform_matrix": world.tolist()}
    write(folder, [frame], fl_x=focal, cx=163.5, cy=118.5, w=size[0], h=size[1], **flag, **shared)
    _, collection = convert(folder, tmp_path)
    (photo,) = collection.photos
    assert (photo.width, photo.height) == size
    found = [nearest_dot(photo, place) for place in photo.camera.project(grid)[0]]
    found = [distance for distance in found if distance is not None]
    assert len(found) >= 8
    assert max(found) < 0.5


@pytest.mark.parametrize(
    ("coefficients", "model"),
    [
        ({"k1": -45.0}, "OPENCV"),
        ({"k1": -2.0}, "OPENCV"),
        ({"k2": 1e9}, "OPENCV"),
        ({"p1": 3.0}, "OPENCV"),
        ({"k1": -45.0}, "OPENCV_FISHEYE"),
        ({"k1": 900.0}, "OPENCV_FISHEYE"),
    ],
)
def test_coefficients_of_no_lens_are_refused(tmp_path, make_photo, coefficients, model):
    folder = tmp_path / "scan"
    make_photo(folder / "images" / "0.png", (WIDTH, HEIGHT))
    frame = {"file_path": "images/0.png", "transform_matrix": pose(0).tolist()}
    write(folder, [frame], camera_model=model, fl_x=100, w=WIDTH, h=HEIGHT, **coefficients)
    name, value = next(iter(coefficients.items()))
    with pytest.raises(InputError, match=rf"lens distortion .*{name} = {re.escape(f'{value:g}')}.*no lens"):
        convert(folder, tmp_path)


@pytest.mark.parametrize(
    "written", ["images/0.jpg", "images/0.PNG", "0", "/home/somebody/scan/images/0.png", "C:\\x\\0.png"]
)
def test_names_that_differ_from_the_files(tmp_path, make_photo, written):
    folder = tmp_path / "scan"
    make_photo(folder / "images" / "0.png", (WIDTH, HEIGHT))
    write(folder, [{"file_path": written, "transform_matrix": pose(0).tolist()}], fl_x=150, w=WIDTH, h=HEIGHT)
    out, collection = convert(folder, tmp_path)
    assert len(collection.photos) == 1
    assert len(out.notes) == (written in ("images/0.jpg", "images/0.PNG"))
    assert all("0.png was taken" in note for note in out.notes)


def test_photos_outside_of_the_folder_are_not_read(tmp_path, make_photo):
    folder = tmp_path / "scan"
    make_photo(tmp_path / "secret.png", (WIDTH, HEIGHT))
    for name in ("../secret.png", str(tmp_path / "secret.png")):
        write(folder, [{"file_path": name, "transform_matrix": pose(0).tolist()}], fl_x=150, w=WIDTH, h=HEIGHT)
        with pytest.raises(InputError, match="no usable photo"):
            convert(folder, tmp_path)


def test_masks_outside_of_the_folder_are_not_read(tmp_path, make_photo):
    folder = tmp_path / "scan"
    make_photo(folder / "0.png", (WIDTH, HEIGHT))
    Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(tmp_path / "m.png")
    frame = {"file_path": "0.png", "mask_path": "../m.png", "transform_matrix": pose(0).tolist()}
    out, _ = convert(write(folder, [frame], fl_x=150, w=WIDTH, h=HEIGHT), tmp_path)
    assert out.mask_count == 0
    assert "leads out of" in out.notes[0]


@pytest.mark.parametrize(("route", "distorted"), [("dataset", False), ("dataset", True), ("fit", False)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_cameras_of_stored_pixels_turn_with_their_photos(tmp_path, orientation, route, distorted):
    """A dot at a known place of the world, in photos as COLMAP sees them; EXIF then turns or mirrors them."""
    folder = tmp_path / "scan"
    folder.mkdir()
    size, lens = (160, 120), np.array([[140.0, 0, 75], [0, 150.0, 66], [0, 0, 1]])
    distortion = np.array([-0.2, 0.05, 0.004, -0.003, 0.0]) if distorted else np.zeros(5)
    points = np.array([[0.5, 0.3, 0.1], [-0.6, 0.2, 0.2], [0.1, -0.4, -0.1]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    frames = []
    for k in range(3):
        world = np.eye(4)
        world[:3, :3] = Rotation.from_euler("yxz", [8 * k, -3, 5 * k], degrees=True).as_matrix()
        world[:3, 3] = 0.1 * k, 0, 3
        local = (points - world[:3, 3]) @ world[:3, :3] * [1, -1, -1]
        places, _ = cv2.projectPoints(local, np.zeros(3), np.zeros(3), lens, distortion)
        mask = np.zeros((120, 160), np.uint8)
        mask[20:90, 30:120] = 255
        Image.fromarray(dots(np.full((120, 160, 3), 30 + k, np.uint8), places[:, 0] + 0.5)).save(
            folder / f"{k}.png", exif=exif
        )
        frames.append({"file_path": f"images/{k}.png", "transform_matrix": world.tolist()})
    shared = dict(zip(("k1", "k2", "p1", "p2", "k3"), distortion.tolist(), strict=True)) if distorted else {}
    write(folder, frames, fl_x=140.0, fl_y=150.0, cx=75.5, cy=66.5, w=160, h=120, **shared)
    collection = load_collection(folder) if route == "fit" else convert(folder, tmp_path)[1]
    assert len(collection.photos) == 3
    for photo in collection.photos:
        assert (photo.width, photo.height) == (size if orientation < 5 else size[::-1])
        assert np.linalg.det(photo.camera.camera_to_world[:3, :3]) == pytest.approx(1)
        found = [nearest_dot(photo, place) for place in photo.camera.project(points)[0]]
        assert len([distance for distance in found if distance is not None]) >= 2
        assert max(distance for distance in found if distance is not None) < 0.5


@pytest.mark.parametrize("orientation", [3, 6])
def test_cameras_of_upright_pixels_stay(tmp_path, orientation):
    """A file written here says so; for quarter turns the size says so."""
    folder = tmp_path / "scan"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "0.png", exif=exif)
    width, height = (120, 90) if orientation == 3 else (90, 120)
    frame = {"file_path": "0.png", "transform_matrix": pose(1).tolist()}
    shared = {"pixels": "upright"} if orientation == 3 else {}
    write(folder, [frame], fl_x=100, cx=40, cy=50, w=width, h=height, **shared)
    for collection in (load_collection(folder), convert(folder, tmp_path)[1]):
        (photo,) = collection.photos
        assert np.allclose(photo.camera.camera_to_world, pose(1))
        assert (photo.camera.cx, photo.camera.cy, photo.camera.width) == (40, 50, width)


def test_what_is_written_is_read_again_without_another_turn(tmp_path):
    """Half a turn by EXIF: the collection that is written says that its cameras have been turned."""
    folder = tmp_path / "scan"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)).save(
        folder / "0.png", exif=exif
    )
    frame = {"file_path": "0.png", "transform_matrix": pose(1).tolist()}
    write(folder, [frame], fl_x=100, cx=40, cy=50, w=120, h=90)
    _, collection = convert(folder, tmp_path)
    written = json.loads((tmp_path / "out" / "transforms.json").read_text())["frames"][0]
    assert (written["cx"], written["cy"]) == (80, 40)
    assert (collection.photos[0].camera.cx, collection.photos[0].camera.cy) == (80, 40)


def test_masks_of_another_size_and_of_numbers(tmp_path, make_photo):
    folder = tmp_path / "scan"
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:60, 30:90] = 1
    frames = []
    for k, step in enumerate((1, 2)):
        make_photo(folder / f"{k}.png", (WIDTH, HEIGHT))
        Image.fromarray(mask[::step, ::step].copy()).save(folder / f"m{k}.png")
        frames.append({"file_path": f"{k}.png", "mask_path": f"m{k}.png", "transform_matrix": pose(k).tolist()})
    out, collection = convert(write(folder, frames, fl_x=150, w=WIDTH, h=HEIGHT), tmp_path)
    for photo in collection.photos:
        assert ((photo.mask >= 128) == (mask > 0)).mean() > 0.98
    assert "another size" in out.notes[0]


def test_fields_that_are_not_used_are_said(tmp_path, make_photo):
    folder = tmp_path / "scan"
    make_photo(folder / "0.png", (WIDTH, HEIGHT))
    frame = {"file_path": "0.png", "depth_file_path": "d.png", "transform_matrix": pose(0).tolist()}
    out, _ = convert(write(folder, [frame], fl_x=150, w=WIDTH, h=HEIGHT, aabb_scale=4), tmp_path)
    assert "aabb_scale" in out.notes[0]
    assert "depth_file_path" in out.notes[0]


def test_the_folder_of_photos_may_be_named(tmp_path, make_photo):
    folder = tmp_path / "scan"
    make_photo(folder / "images" / "0.png", (WIDTH, HEIGHT))
    write(folder, [{"file_path": "images/0.png", "transform_matrix": pose(0).tolist()}], fl_x=150, w=WIDTH, h=HEIGHT)
    assert convert(folder / "images", tmp_path)[0].photo_count == 1
