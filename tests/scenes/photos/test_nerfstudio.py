import json
import math

import numpy as np
import pytest

from zoetrope.representations.camera import Intrinsics, OrbitCamera, project, to_pixels
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.nerfstudio import (
    CameraFrame,
    read_transforms,
    scan_cameras,
    scan_transforms,
    write_transforms,
)

torch = pytest.importorskip("torch")


def rotation(seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def pose(seed=0):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(seed)
    matrix[:3, 3] = np.random.default_rng(seed + 1).normal(size=3)
    return matrix


def write(path, frames, **shared):
    path.write_text(json.dumps({**shared, "frames": frames}))
    return path


def frame(**changes):
    return {"file_path": "images/a.jpg", "transform_matrix": pose().tolist(), **changes}


LENS = {"fl_x": 500.0, "fl_y": 510.0, "cx": 300.0, "cy": 190.0, "w": 640, "h": 480}


def test_round_trip(tmp_path):
    frames = [CameraFrame(f"{k}.jpg", pose(k), 500.1 + k, 501.3, 320.7, 239.9, 640, 480) for k in range(3)]
    write_transforms(tmp_path / "transforms.json", frames, extra={"made_by": "test"})
    for written, read in zip(frames, read_transforms(tmp_path / "transforms.json"), strict=True):
        assert written.stem == read.stem
        assert np.abs(written.camera_to_world - read.camera_to_world).max() < 1e-15
        for name in ("fx", "fy", "cx", "cy", "width", "height"):
            assert getattr(written, name) == getattr(read, name)
    assert json.loads((tmp_path / "transforms.json").read_text())["made_by"] == "test"


def test_notes_stand_in_the_frames(tmp_path):
    path = tmp_path / "transforms.json"
    frames = [CameraFrame(f"{k}.jpg", pose(k), 500, 500, 320, 240, 640, 480) for k in range(2)]
    write_transforms(path, frames, notes=[{"pose": "a"}, {}])
    assert [entry.get("pose") for entry in json.loads(path.read_text())["frames"]] == ["a", None]
    assert [camera.stem for camera in read_transforms(path)] == ["0", "1"]
    with pytest.raises(ValueError, match="1 notes for 2 frames"):
        write_transforms(path, frames, notes=[{}])
    for taken in ("file_path", "k1"):
        with pytest.raises(ValueError, match=f"'{taken}', which belongs to the format"):
            write_transforms(path, frames, notes=[{}, {taken: 0}])


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "transforms.json"
    write_transforms(path, [CameraFrame("a.jpg", pose(), 500, 500, 320, 240, 640, 480)])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_transforms(path, [CameraFrame("a.jpg", pose(), math.nan, 500, 320, 240, 640, 480)])
    with pytest.raises(ValueError, match="fl_x"):
        write_transforms(path, [], extra={"fl_x": 1})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["transforms.json"]


def test_intrinsics_per_frame_and_shared(tmp_path):
    path = write(tmp_path / "t.json", [frame(), frame(file_path="b.jpg", fl_x=700.0)], **LENS)
    a, b = read_transforms(path)
    assert (a.fx, b.fx, a.fy, b.fy, b.cx) == (500, 700, 510, 510, 300)


def test_what_the_format_leaves_open(tmp_path):
    path = write(tmp_path / "t.json", [frame()], camera_angle_x=math.radians(90), w=640, h=480)
    (camera,) = read_transforms(path)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((320, 320, 320, 240))
    path = write(tmp_path / "t.json", [frame(file_path="./train/a")], camera_angle_x=math.radians(90))
    (camera,) = read_transforms(path, {"a": (800, 800)})
    assert (camera.stem, camera.fx, camera.width) == ("a", pytest.approx(400), 800)


def test_intrinsics_follow_the_photo_size(tmp_path):
    path = write(tmp_path / "t.json", [frame()], **LENS)
    (camera,) = read_transforms(path, {"a": (1280, 960)})
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (1000, 1020, 600, 380)
    assert (camera.width, camera.height) == (1280, 960)
    frames, refused = scan_transforms(path, {"a": (480, 640), "z": (1, 1)})
    assert not frames
    assert "640x480 but the photo is 480x640" in refused["a"]


def test_three_by_four_and_slightly_rounded_rotations(tmp_path):
    matrix = np.round(pose(), 4)
    (camera,) = read_transforms(write(tmp_path / "t.json", [frame(transform_matrix=matrix[:3].tolist())], **LENS))
    turn = camera.camera_to_world[:3, :3]
    assert np.abs(turn.T @ turn - np.eye(3)).max() < 1e-14
    assert np.abs(camera.camera_to_world - matrix).max() < 1e-3


def test_projection_agrees_with_the_renderer():
    orbit = OrbitCamera(
        *(torch.tensor([v], dtype=torch.float64) for v in (40.0, 20.0, 10.0, 2.5)),
        torch.tensor([[0.1, -0.2]], dtype=torch.float64),
    )
    lens = Intrinsics(*(torch.tensor([v], dtype=torch.float64) for v in (500.0, 510.0, 300.0, 190.0)), 640, 480)
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    wanted = to_pixels(project(torch.from_numpy(points)[None], orbit, lens), 640, 480)[0].numpy()
    camera = CameraFrame("a.jpg", orbit.world_from_camera()[0].numpy(), 500.0, 510.0, 300.0, 190.0, 640, 480)
    found, depth = camera.project(points)
    assert np.abs(found - wanted).max() < 1e-9
    assert (depth > 0).all()


def matrix_with(**changes):
    matrix = pose()
    for place, value in changes.items():
        matrix[int(place[1]), int(place[2])] = value
    return matrix.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transform_matrix": (pose() * np.array([2, 2, 3, 1])).tolist()}, "off a rotation"),
        ({"transform_matrix": np.zeros((4, 4)).tolist()}, "last row"),
        ({"transform_matrix": np.diag([0.0, 0.0, 0.0, 1.0]).tolist()}, "off a rotation"),
        ({"transform_matrix": (pose() * np.array([-1, 1, 1, 1])).tolist()}, "mirroring"),
        ({"transform_matrix": matrix_with(_03=math.nan)}, "not finite"),
        ({"transform_matrix": matrix_with(_30=1.0)}, "last row"),
        ({"transform_matrix": [[1, 0], [0, 1]]}, "shape"),
        ({"transform_matrix": [[1, 0], [0]]}, "not a matrix"),
        ({"transform_matrix": None}, "shape"),
        ({"fl_x": 0}, "no possible lens"),
        ({"fl_x": "500"}, "fl_x = 500"),
        ({"cx": math.inf}, "cx = inf"),
        ({"w": 0}, "w = 0"),
        ({"k1": 0.1}, "distortion k1 = 0.1"),
        ({"camera_model": "OPENCV_FISHEYE"}, "OPENCV_FISHEYE"),
        ({"is_fisheye": True}, "is_fisheye = True"),
        ({"k1": math.nan}, "distortion k1 = nan"),
        ({"cx": 5000.0}, "cx = 5000, far outside"),
        ({"cy": -400.0}, "cy = -400, far outside"),
    ],
)
def test_one_bad_camera_is_named_and_the_others_go_on(tmp_path, changes, message):
    path = write(tmp_path / "t.json", [frame(**changes), frame(file_path="b.jpg")], **LENS)
    frames, refused = scan_transforms(path)
    assert list(frames) == ["b"]
    assert message in refused["a"]
    with pytest.raises(InputError, match=r"t\.json: a:"):
        read_transforms(path)


def test_two_cameras_for_one_photo_are_refused_not_guessed(tmp_path):
    path = write(tmp_path / "t.json", [frame(), frame(), frame()], **LENS)
    frames, refused = scan_transforms(path)
    assert not frames
    assert "more than one" in refused["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "no list 'frames'"),
        ('{"frames": [{}]}', "no file_path"),
        ('{"frames": [], "k1": -0.05}', "distortion k1 = -0.05"),
        ('{"frames": [], "camera_model": "EQUIRECTANGULAR"}', "EQUIRECTANGULAR"),
        ('{"frames": [], "is_fisheye": true}', "is_fisheye = True"),
        ('{"frames": [], "is_fisheye": 1}', "is_fisheye = 1"),
        ('{"frames": [], "ftheta_p0": 0.1}', "ftheta_p0"),
        ('{"frames": [], "equirectangular": true}', "equirectangular"),
        ('{"frames": [], "from_na": true}', "other axes"),
        ("[" * 5000, "deep|not valid JSON"),
    ],
)
def test_files_that_cannot_be_used_at_all(tmp_path, content, message):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_transforms(tmp_path / "t.json")
    assert "\n" not in str(caught.value)


def test_flags_that_are_off_mean_nothing(tmp_path):
    path = write(tmp_path / "t.json", [frame()], **LENS, is_fisheye=False, k1=0, from_na="false", camera_model="OPENCV")
    assert len(read_transforms(path)) == 1


@pytest.mark.parametrize("scale", [2.0, 0.01])
def test_scaled_rotations_are_divided_out_with_a_note(tmp_path, scale):
    matrix = pose()
    matrix[:3, :3] *= scale
    scan = scan_cameras(write(tmp_path / "t.json", [frame(transform_matrix=matrix.tolist())], **LENS))
    assert np.abs(scan.frames["a"].camera_to_world - pose()).max() < 1e-12
    assert "scale was divided out" in scan.notes[0]


def test_fields_of_view_in_degrees(tmp_path):
    (camera,) = read_transforms(write(tmp_path / "t.json", [frame()], x_fov=90.0, y_fov=60.0, w=640, h=480))
    assert (camera.fx, camera.fy) == (pytest.approx(320), pytest.approx(240 * math.sqrt(3)))


def test_documented_fields_that_change_nothing_are_said(tmp_path):
    more = {"aabb_scale": 16, "applied_transform": np.eye(4)[:3].tolist(), "orientation_override": "none"}
    scan = scan_cameras(write(tmp_path / "t.json", [frame(depth_file_path="d.png")], **LENS, **more))
    (note,) = scan.notes
    assert all(name in note for name in (*more, "depth_file_path"))
    assert scan_cameras(write(tmp_path / "t.json", [frame()], **LENS)).notes == []


def test_names_in_other_capitals_and_unicode_forms(tmp_path):
    frames = [frame(file_path="images/CAFE\u0301.JPG"), frame(file_path="Fox.png")]
    scan = scan_cameras(write(tmp_path / "t.json", frames, **LENS), {"caf\u00e9": (640, 480), "fox": (640, 480)})
    assert sorted(scan.frames) == ["caf\u00e9", "fox"]


def test_missing_file():
    with pytest.raises(InputError, match="cannot be read"):
        read_transforms("nowhere/transforms.json")
