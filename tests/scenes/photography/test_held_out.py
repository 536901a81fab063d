"""Held-out views: from the right sides, of the right poses, in the sitter's own colours."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.representations.rendering import rasterize
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photography.held_out import HeldOutView, read_held_out, write_held_out
from zoetrope.scenes.photography.sitter import Poses, Sitter

SIZE = 96
STEMS = [f"{k:03d}" for k in range(6)]
RED, BLUE = torch.tensor([200, 60, 40]), torch.tensor([40, 70, 190])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sitter: Sitter, poses: Poses) -> Path:
    folder = tmp_path_factory.mktemp("novel")
    write_held_out(folder, sitter, poses, STEMS, SIZE)
    return folder


@pytest.fixture(scope="module")
def views(folder: Path) -> tuple[HeldOutView, ...]:
    return read_held_out(folder)


def test_cameras_stand_evenly_round_the_subject(views, poses: Poses) -> None:
    assert [view.camera.stem for view in views] == [f"{k:03d}" for k in range(8)]
    assert [view.pose for view in views] == ["000", "000", "001", "002", "003", "003", "004", "005"]
    for k, view in enumerate(views):
        vertices = poses.vertices[int(view.pose)].double().numpy()
        middle = (vertices.min(0) + vertices.max(0)) / 2
        radius = np.linalg.norm(vertices - middle, axis=1).max()
        x, y, z = view.camera.camera_to_world[:3, 3] - middle
        distance = np.linalg.norm([x, y, z])
        assert np.degrees(np.arctan2(x, z)) % 360 == pytest.approx(22.5 + 45 * k)
        assert np.degrees(np.arcsin(y / distance)) == pytest.approx(10)
        assert np.allclose(view.camera.project(middle[None])[0], SIZE / 2)
        assert (view.camera.width, view.camera.height) == (SIZE, SIZE)
        assert 2 * np.degrees(np.arctan(SIZE / 2 / view.camera.fx)) == pytest.approx(30)
        # The bounding sphere's outline.
        assert view.camera.fx * radius / np.sqrt(distance**2 - radius**2) == pytest.approx(0.4 * SIZE)


def test_each_side_shows_its_own_colour_without_any_light(views, sitter: Sitter) -> None:
    """The left half is red, the right one blue; 112.5 degrees looks at the left, 292.5 at the right."""
    shares = []
    for view in views:
        whole = view.picture.coverage == 1
        pixels = (255 * view.picture.on_white()[whole]).round()
        red, blue = ((pixels - colour).abs().amax(1) <= 1 for colour in (RED, BLUE))
        assert float((red | blue).float().mean()) > 0.9
        shares.append(float(red.float().mean()))
    # Half of the views see more of the left; the legs of either side are seen from the other.
    assert min(shares[:4]) > 0.55
    assert max(shares[4:]) < 0.45
    assert shares[2] > 0.8
    assert shares[6] < 0.2


def test_the_pose_lies_under_the_coverage(views, poses: Poses, sitter: Sitter) -> None:
    for view in views:
        camera = view.camera
        pixels, depth = camera.project(poses.vertices[int(view.pose)].double().numpy())
        ndc = np.stack([2 * pixels[:, 0] / SIZE - 1, 1 - 2 * pixels[:, 1] / SIZE], 1)
        clip = np.concatenate([ndc * depth[:, None], depth[:, None], depth[:, None]], 1)
        seen = rasterize(torch.tensor(clip[None]), sitter.faces, (SIZE, SIZE)).face[0] >= 0
        shown = view.picture.coverage >= 0.5
        assert float((seen & shown).sum() / (seen | shown).sum()) > 0.97


def test_the_same_arguments_give_the_same_bytes_and_no_chance_is_drawn(
    folder: Path, tmp_path: Path, sitter: Sitter, poses: Poses
) -> None:
    state = torch.get_rng_state()
    write_held_out(tmp_path, sitter, poses, STEMS, SIZE)
    assert torch.equal(torch.get_rng_state(), state)
    first, again = ({path.name: path.read_bytes() for path in root.iterdir()} for root in (folder, tmp_path))
    assert first == again
    assert len(first) == 9


def test_what_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"transforms\.json cannot be read"):
        read_held_out(tmp_path)
    content = json.loads((folder / "transforms.json").read_text())
    (tmp_path / "transforms.json").write_text(json.dumps({**content, "frames": []}))
    with pytest.raises(InputError, match="no frames"):
        read_held_out(tmp_path)
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"000\.png"):
        read_held_out(tmp_path)
    for path in folder.glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content["frames"][0] |= {"w": 2 * SIZE, "h": 2 * SIZE}
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"000\.png is 96x96 but its camera is for 192x192"):
        read_held_out(tmp_path)
    del content["frames"][0]["pose"]
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="000 has no 'pose'"):
        read_held_out(tmp_path)
