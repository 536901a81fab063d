"""The made-up subject: a usable collection, the same each time, whose truth fits its photos."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from zoetrope.scenes.collection import load_collection
from zoetrope.scenes.demo_subject import write_demo_subject
from zoetrope.scenes.mesh_file import read_ply
from zoetrope.scenes.nerfstudio import read_transforms

COUNT, SIZE = 5, 96


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "photos"
    write_demo_subject(folder, seed=3, photo_count=COUNT, size=SIZE)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_a_collection_without_a_word(folder: Path) -> None:
    collection = load_collection(folder)
    assert len(collection.photos) == COUNT
    assert collection.rejected == ()
    assert collection.notes == ()
    assert not collection.known_cameras
    for photo in collection.photos:
        assert photo.mask is not None
        assert 0.03 < (photo.mask > 127).mean() < 0.5
        border = np.concatenate([photo.mask[0], photo.mask[-1], photo.mask[:, 0], photo.mask[:, -1]])
        assert border.mean() < 8, "the subject is cut off by the frame"


def test_the_same_seed_makes_the_same_files_and_another_does_not(folder: Path, tmp_path: Path) -> None:
    write_demo_subject(tmp_path / "same", seed=3, photo_count=COUNT, size=SIZE)
    assert _files(tmp_path / "same") == _files(folder)
    write_demo_subject(tmp_path / "other", seed=4, photo_count=COUNT, size=SIZE)
    assert (tmp_path / "other" / "000.png").read_bytes() != (folder / "000.png").read_bytes()


def test_the_truth_lies_under_the_masks(folder: Path) -> None:
    cameras = read_transforms(folder / "truth" / "transforms.json")
    assert [camera.stem for camera in cameras] == [f"{k:03d}" for k in range(COUNT)]
    for camera in cameras:
        vertices, _ = read_ply(folder / "truth" / f"{camera.stem}.ply")
        pixels, depth = camera.project(vertices.double().numpy())
        assert (depth > 0).all()
        mask = np.array(Image.open(folder / "masks" / f"{camera.stem}.png"))
        columns, rows = np.floor(pixels).astype(int).T
        inside = (columns >= 0) & (columns < SIZE) & (rows >= 0) & (rows < SIZE)
        assert inside.mean() > 0.98
        # Every vertex projects into the silhouette, or at its border next to it.
        near = ndimage.maximum_filter(mask, size=3)
        assert (near[rows[inside], columns[inside]] > 0).mean() > 0.998
        reach = [np.ptp(pixels[:, axis]) for axis in (0, 1)]
        extent = [np.ptp(np.flatnonzero(mask.max(axis) > 127)) + 1 for axis in (0, 1)]
        assert np.allclose(reach, extent, atol=3)


def test_azimuths_go_all_round_and_poses_differ(folder: Path) -> None:
    cameras = read_transforms(folder / "truth" / "transforms.json")
    places = np.array([camera.camera_to_world[:3, 3] for camera in cameras])
    azimuths = np.sort(np.degrees(np.arctan2(places[:, 0], places[:, 2])) % 360)
    assert np.diff(np.append(azimuths, azimuths[0] + 360)).max() < 1.6 * 360 / COUNT
    meshes = [read_ply(folder / "truth" / f"{k:03d}.ply")[0] for k in range(COUNT)]
    rest, _ = read_ply(folder / "truth" / "rest.ply")
    assert all(float((mesh - rest).norm(dim=1).max()) > 0.05 for mesh in meshes)
    assert all(float((a - b).norm(dim=1).max()) > 0.02 for a, b in itertools.pairwise(meshes))


def test_it_stands_in_the_packages_frame(folder: Path) -> None:
    rest, _ = read_ply(folder / "truth" / "rest.ply")
    low, high = rest.amin(0), rest.amax(0)
    assert float((high - low).max()) == pytest.approx(1, abs=1e-5)
    assert float((high + low).abs().max()) < 1e-5
    # Longest from tail to nose; the head is in front and above, the feet below.
    assert int((high - low).argmax()) == 2
    assert float(rest[rest[:, 1].argmax(), 2]) > 0
