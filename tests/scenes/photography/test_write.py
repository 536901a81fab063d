"""A collection on disk: read back by the package's own readers, its cameras put the truth under its masks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.representations.rendering import rasterize
from zoetrope.scenes.error import InputError
from zoetrope.scenes.mesh_file import read_ply
from zoetrope.scenes.photography.held_out import read_held_out
from zoetrope.scenes.photography.photograph import PhotographyConfig, photograph
from zoetrope.scenes.photography.sitter import Poses, Sitter
from zoetrope.scenes.photography.viewpoint import ViewpointConfig
from zoetrope.scenes.photography.write import read_maps, write_zoo_collection
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.keypoints import load_keypoints
from zoetrope.scenes.photos.nerfstudio import read_transforms

CONFIG = PhotographyConfig(size=256, noisy=True, viewpoint=ViewpointConfig(recorded_share=0.5))


@pytest.fixture(scope="module")
def shots(sitter: Sitter, poses: Poses):
    return photograph(sitter, poses, CONFIG, torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sitter: Sitter, poses: Poses, shots) -> Path:
    folder = tmp_path_factory.mktemp("zoo") / "blob"
    write_zoo_collection(folder, sitter, poses, shots, {"seed": 2})
    return folder


def test_the_collection_loads_without_a_word_and_knows_the_recorded_lenses(folder: Path, shots) -> None:
    collection = load_collection(folder)
    assert len(collection.photos) == len(shots)
    assert collection.rejected == ()
    assert collection.notes == ()
    assert not collection.known_cameras
    assert sum(shot.focal_35mm is not None for shot in shots) >= 1
    for photo, shot in zip(collection.photos, shots, strict=True):
        # Another JPEG decoder may differ by a step or two.
        assert np.abs(photo.pixels.astype(int) - shot.photo).mean() < 1
        assert photo.mask is not None
        assert np.array_equal(photo.mask, shot.visible)
        if shot.focal_35mm is None:
            assert photo.focal_px is None
        else:
            assert photo.focal_px == pytest.approx(shot.focal, rel=1e-6)


def test_the_truth_lies_under_the_amodal_masks(folder: Path) -> None:
    for camera in read_transforms(folder / "truth" / "transforms.json"):
        vertices, faces = read_ply(folder / "truth" / f"{camera.stem}.ply")
        pixels, depth = camera.project(vertices.double().numpy())
        ndc = np.stack([2 * pixels[:, 0] / camera.width - 1, 1 - 2 * pixels[:, 1] / camera.height], 1)
        clip = np.concatenate([ndc * depth[:, None], depth[:, None], depth[:, None]], 1)
        seen = rasterize(torch.tensor(clip[None]), faces, (camera.height, camera.width))
        silhouette = seen.face[0].numpy() >= 0
        mask = np.array(Image.open(folder / "truth" / "amodal" / f"{camera.stem}.png")) >= 128
        assert (silhouette & mask).sum() / (silhouette | mask).sum() > 0.98
    rest, _ = read_ply(folder / "truth" / "rest.ply")
    assert rest.shape == vertices.shape


def test_maps_and_keypoints_come_back(folder: Path, sitter: Sitter, shots) -> None:
    keypoints = load_keypoints(folder)
    for k, shot in enumerate(shots):
        maps = read_maps(folder / "truth" / "maps" / f"{k:03d}.npz")
        for name, expected in vars(shot.labels).items():
            assert np.array_equal(getattr(maps, name), expected)
        found = keypoints[f"{k:03d}"]
        assert found.names == sitter.keypoint_names
        assert np.array_equal(found.visibility, shot.visibility)
        seen = shot.visibility > 0
        assert np.allclose(found.positions[seen], shot.keypoints[seen], atol=0.006)


def test_held_out_views_show_the_photos_poses_at_their_size(folder: Path) -> None:
    views = read_held_out(folder / "truth" / "novel")
    assert [view.pose for view in views] == ["000", "000", "001", "002", "003", "003", "004", "005"]
    assert {view.picture.coverage.shape for view in views} == {(CONFIG.size, CONFIG.size)}


def test_the_same_shots_give_the_same_bytes(folder: Path, tmp_path: Path, sitter: Sitter, poses: Poses, shots) -> None:
    write_zoo_collection(tmp_path / "again", sitter, poses, shots, {"seed": 2})
    first, again = (
        {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (folder, tmp_path / "again")
    )
    assert first == again
    # Eight views from elsewhere and their cameras; two files with keypoints and cameras, and the rest pose.
    assert len(first) == 5 * len(shots) + 3 + 9


def test_what_cannot_be_is_refused(folder: Path, tmp_path: Path, sitter: Sitter, poses: Poses, shots) -> None:
    with pytest.raises(ValueError, match="5 shots of 6 poses"):
        write_zoo_collection(tmp_path, sitter, poses, shots[:5])
    with pytest.raises(InputError, match="cannot be read as maps"):
        read_maps(folder / "000.jpg")
