"""Sittings: photographs whose truth agrees with them, with the root joint at rest; collections on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import binary_dilation

from zoetrope.cli import main
from zoetrope.representations.body.chart import PARTS, VERSION
from zoetrope.scenes.error import InputError
from zoetrope.scenes.mesh_file import read_ply
from zoetrope.scenes.photography.label import LEFT, MIDDLE, RIGHT
from zoetrope.scenes.photography.photograph import PhotographyConfig
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.keypoints import load_keypoints
from zoetrope.scenes.photos.nerfstudio import read_transforms
from zoetrope.scenes.zoo.sitting import Sitting, take_photos
from zoetrope.scenes.zoo.zoo import write_zoo

COUNT = 6


@pytest.fixture(scope="module")
def sitting() -> Sitting:
    return take_photos("fox", COUNT, torch.Generator().manual_seed(4), PhotographyConfig(size=128))


def test_the_root_rests_in_every_photo(sitting: Sitting) -> None:
    root = sitting.skeleton.joints[0]
    assert torch.allclose(sitting.joints[:, 0], root.expand(COUNT, 3), atol=1e-5)
    # Rigid bones: lengths are those of the rest pose.
    parents = list(sitting.skeleton.parents)[1:]
    posed = (sitting.joints[:, 1:] - sitting.joints[:, parents]).norm(dim=-1)
    rest = (sitting.skeleton.joints[1:] - sitting.skeleton.joints[parents]).norm(dim=-1)
    assert torch.allclose(posed, rest.expand_as(posed), atol=1e-5)
    # It does things: limbs are elsewhere in other photos.
    paw = sitting.skeleton.index("left_front_paw")
    assert float((sitting.joints[:, paw] - sitting.joints[:, paw].mean(0)).norm(dim=1).max()) > 0.03


def test_maps_agree_with_the_posed_body(sitting: Sitting) -> None:
    for k, shot in enumerate(sitting.shots):
        rows, columns = np.nonzero(shot.amodal == 255)
        chosen = np.random.default_rng(k).choice(len(rows), 200, replace=len(rows) < 200)
        rows, columns = rows[chosen], columns[chosen]
        depth = shot.labels.depth[rows, columns].astype(np.float64)
        x, y = (columns + 0.5 - shot.centre[0]) / shot.focal, (rows + 0.5 - shot.centre[1]) / shot.focal
        local = np.stack([x * depth, -y * depth, -depth], 1)
        world = local @ shot.world_from_camera[:3, :3].T + shot.world_from_camera[:3, 3]
        gaps = np.linalg.norm(world[:, None] - sitting.poses.vertices[k].numpy()[None], axis=2)
        assert np.quantile(gaps.min(1), 0.95) < 0.015
        # The vertex found there has the pixel's part, side and reference.
        nearest = gaps.argmin(1)
        assert sitting.sitter.reference is not None
        assert shot.labels.reference is not None
        off = np.linalg.norm(shot.labels.reference[rows, columns] - sitting.sitter.reference[nearest].numpy(), axis=1)
        assert np.median(off) < 0.03
        assert sitting.sitter.part is not None
        assert shot.labels.side is not None
        side = shot.labels.side[rows, columns]
        names = np.array(PARTS)[sitting.sitter.part[nearest].numpy()]
        for word, label in (("left", LEFT), ("right", RIGHT)):
            limb = np.char.startswith(names, word)
            assert (side[limb] == label).mean() > 0.9 if limb.sum() > 10 else True
        assert set(np.unique(side)) <= {MIDDLE, LEFT, RIGHT}


def test_normals_face_the_camera(sitting: Sitting) -> None:
    for shot in sitting.shots:
        rows, columns = np.nonzero(shot.amodal == 255)
        normal = shot.labels.normal[rows, columns] / 127
        assert np.allclose(np.linalg.norm(normal, axis=1), 1, atol=0.05)
        x, y = (columns + 0.5 - shot.centre[0]) / shot.focal, (rows + 0.5 - shot.centre[1]) / shot.focal
        ray = np.stack([x, -y, -np.ones_like(x)], 1) @ shot.world_from_camera[:3, :3].T
        assert ((normal * ray).sum(1) < 0.1).mean() > 0.97


def test_a_seed_is_a_sitting(sitting: Sitting) -> None:
    again = take_photos("fox", COUNT, torch.Generator().manual_seed(4), PhotographyConfig(size=128))
    assert all(a.jpeg == b.jpeg for a, b in zip(again.shots, sitting.shots, strict=True))
    assert torch.equal(again.poses.vertices, sitting.poses.vertices)
    other = take_photos("fox", COUNT, torch.Generator().manual_seed(5), PhotographyConfig(size=128))
    assert not torch.equal(other.sitter.vertices, sitting.sitter.vertices)
    assert not torch.equal(other.sitter.texture, sitting.sitter.texture)


def test_noise_covers_and_cuts_about_half() -> None:
    noisy = take_photos("fox", 16, torch.Generator().manual_seed(1), PhotographyConfig(size=96, noisy=True))
    covered = [shot.visible.sum() < 0.97 * shot.amodal.sum() for shot in noisy.shots]
    edge = [max(m[0].max(), m[-1].max(), m[:, 0].max(), m[:, -1].max()) > 127 for m in (s.amodal for s in noisy.shots)]
    assert 4 <= sum(a or b for a, b in zip(covered, edge, strict=True)) <= 14
    assert any(covered)
    assert any(edge)


def test_the_command_writes_a_collection_with_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "foxes"
    command = ["zoo", "fox", "--photos", "4", "--seed", "3", "--size", "128", "--out", str(folder)]
    assert main(command) == 0
    collection = load_collection(folder)
    assert len(collection.photos) == 4
    assert collection.notes == ()
    assert not collection.known_cameras
    keypoints = load_keypoints(folder)
    assert {"nose", "left_eye", "left_front_paw", "right_back_knee", "tail_tip"} <= set(keypoints["000"].names)
    cameras = read_transforms(folder / "truth" / "transforms.json")
    joints = json.loads((folder / "truth" / "joints.json").read_text())
    about = json.loads((folder / "truth" / "transforms.json").read_text())
    assert about["chart_version"] == VERSION
    for camera in cameras:
        vertices, _ = read_ply(folder / "truth" / f"{camera.stem}.ply")
        mask = np.array(Image.open(folder / "truth" / "amodal" / f"{camera.stem}.png")) > 127
        pixels, _ = camera.project(vertices.double().numpy())
        columns, rows = np.floor(pixels).astype(int).T
        height, width = mask.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        assert binary_dilation(mask)[rows[inside], columns[inside]].mean() > 0.97
        assert mask.sum() > 300
        paw = camera.project(np.array([joints["photos"][camera.stem][joints["names"].index("left_front_paw")]]))[0]
        points = keypoints[camera.stem]
        k = points.names.index("left_front_paw")
        if points.visibility[k]:
            assert np.linalg.norm(paw - points.positions[k]) < 16
    # A second time: refused, replaced when asked to, the same bytes.
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_wrong_subjects_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no 'unicorn' in the zoo; it has horse, zebra"):
        write_zoo("unicorn", tmp_path / "a")
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match=r"holds other files \(mine.txt\)"):
        write_zoo("fox", tmp_path, overwrite=True)
    with pytest.raises(InputError, match="at least 1 photo"):
        write_zoo("fox", tmp_path / "b", photo_count=0)


def test_shots_keep_what_the_camera_saw(sitting: Sitting) -> None:
    """The world is moved so that the root rests; pictures and pixels stay."""
    for k, shot in enumerate(sitting.shots):
        rotation = shot.world_from_camera[:3, :3]
        assert np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-9)
        local = (sitting.poses.keypoints[k].double().numpy() - shot.world_from_camera[:3, 3]) @ rotation
        pixels = np.stack([local[:, 0], -local[:, 1]], 1) * shot.focal / -local[:, 2:] + np.array(shot.centre)
        assert np.abs(pixels - shot.keypoints).max() < 0.1
