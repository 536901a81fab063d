"""Photos and their truth: the same for the same seed, masks that agree with labels, clutter that covers, a camera
whose faults stay within bounds."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.scenes.photography.fault import FaultConfig, decoded, develop
from zoetrope.scenes.photography.label import NONE
from zoetrope.scenes.photography.photograph import PhotographyConfig, photograph
from zoetrope.scenes.photography.shot import Shot
from zoetrope.scenes.photography.sitter import Poses, Sitter
from zoetrope.scenes.photography.viewpoint import ViewpointConfig

CONFIG = PhotographyConfig(size=80)


def _take(sitter: Sitter, poses: Poses, config: PhotographyConfig = CONFIG, seed: int = 5) -> tuple[Shot, ...]:
    return photograph(sitter, poses, config, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def shots(sitter: Sitter, poses: Poses) -> tuple[Shot, ...]:
    return _take(sitter, poses)


def test_the_same_seed_gives_the_same_photos_on_any_number_of_threads(
    sitter: Sitter, poses: Poses, shots: tuple[Shot, ...]
) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        again = _take(sitter, poses)
    finally:
        torch.set_num_threads(threads)
    assert [shot.jpeg for shot in again] == [shot.jpeg for shot in shots]
    assert all(np.array_equal(a.labels.depth, b.labels.depth) for a, b in zip(again, shots, strict=True))
    assert all(np.array_equal(a.world_from_camera, b.world_from_camera) for a, b in zip(again, shots, strict=True))
    other = _take(sitter, poses, seed=6)
    assert not {shot.jpeg for shot in other} & {shot.jpeg for shot in shots}


def test_masks_labels_and_photos_agree(shots: tuple[Shot, ...]) -> None:
    for shot in shots:
        height, width = shot.photo.shape[:2]
        assert max(height, width) == CONFIG.size
        inside = shot.amodal >= 128
        assert 0.02 < inside.mean() < 0.8
        assert np.array_equal(shot.visible, shot.amodal)
        assert shot.labels.part is not None
        assert shot.labels.reference is not None
        assert np.array_equal(inside, shot.labels.part != NONE)
        assert np.array_equal(inside, np.isfinite(shot.labels.depth))
        assert np.array_equal(inside, np.abs(shot.labels.normal).max(-1) > 0)
        with Image.open(io.BytesIO(shot.jpeg)) as image:
            assert np.abs(np.asarray(image).astype(int) - shot.photo).mean() < 2
        assert 20 < shot.photo.mean() < 235
        assert shot.photo.std() > 8
        # The body's red left and blue right half show where the labels say.
        left, right = ((shot.labels.reference[..., 0].astype(float) * sign > 0.06) & inside for sign in (1, -1))
        if min(left.sum(), right.sum()) > 60:
            balance = shot.photo[..., 0].astype(float) - shot.photo[..., 2]
            assert balance[left].mean() > balance[right].mean() + 15


def test_depth_and_camera_give_back_the_surface(poses: Poses, shots: tuple[Shot, ...]) -> None:
    """Points behind the pixels lie on the posed body, in the world."""
    for k, shot in enumerate(shots):
        rows, columns = np.nonzero(np.isfinite(shot.labels.depth))
        depth = shot.labels.depth[rows, columns]
        x = (columns + 0.5 - shot.centre[0]) / shot.focal * depth
        y = (shot.centre[1] - rows - 0.5) / shot.focal * depth
        points = np.stack([x, y, -depth, np.ones_like(depth)], 1) @ shot.world_from_camera.T
        distance = torch.cdist(torch.tensor(points[::7, :3]).float(), poses.vertices[k]).amin(1)
        assert float(distance.max()) < 0.03
        place = shot.world_from_camera[:3, 3]
        assert np.degrees(np.arctan2(place[0], place[2])) % 360 == pytest.approx(shot.azimuth_deg, abs=1e-3)


def test_noisy_photos_are_covered_or_cut(sitter: Sitter, poses: Poses) -> None:
    many = Poses(*(t.repeat(4, 1, 1) for t in (poses.vertices, poses.keypoints)), poses.names * 4)
    clean = replace(CONFIG, size=64, place="snow")
    noisy = replace(clean, noisy=True, occluded_share=0.5, truncated_share=0.4)
    covered = cut = 0
    for shot in _take(sitter, many, noisy):
        assert (shot.visible <= shot.amodal).all()
        share = shot.visible.sum() / shot.amodal.sum()
        assert share > 0.4
        covered += share < 0.95
        edge = np.concatenate([shot.amodal[0], shot.amodal[-1], shot.amodal[:, 0], shot.amodal[:, -1]])
        cut += (edge > 128).sum() > 2
        hidden = (shot.amodal == 255) & (shot.visible < 64)
        seen = shot.visible == 255
        if hidden.sum() > 40 and seen.sum() > 40:
            # What covers the red and blue subject is neither.
            saturation = np.ptp(shot.photo.astype(float), axis=-1)
            assert saturation[hidden].mean() < saturation[seen].mean()
    assert 5 <= covered <= 19
    assert 4 <= cut <= 18
    assert all((shot.visible == shot.amodal).all() for shot in _take(sitter, many, clean))


def test_a_sitter_without_parts_has_no_part_maps_and_photos_may_be_square(sitter: Sitter, poses: Poses) -> None:
    plain = replace(sitter, part=None, reference=None)
    config = replace(CONFIG, size=48, viewpoint=ViewpointConfig(square=True))
    for shot in _take(plain, poses, config):
        assert shot.labels.part is None
        assert shot.labels.side is None
        assert shot.labels.reference is None
        assert shot.photo.shape == (48, 48, 3)
        assert np.isfinite(shot.labels.depth).any()


def test_the_camera_exposes_for_what_matters_and_its_faults_can_be_turned_off() -> None:
    perfect = FaultConfig(0, 0, 0, (1e-6, 1e-6), (95, 95), 0, 0)
    ramp = np.linspace(0.02, 0.4, 64, dtype=np.float32)
    light = np.broadcast_to(ramp[None, :, None], (64, 64, 3)).copy()
    subject = np.ones((64, 64), np.float32)
    photos = [decoded(develop(scale * light, subject, np.random.default_rng(1), perfect)) for scale in (1, 8)]
    assert np.abs(photos[0].astype(float).mean() - photos[1].mean()) < 30
    assert 80 < photos[0].mean() < 160
    rows = photos[0].astype(float).mean((0, 2))
    assert (np.diff(rows) > -2).all()
    noisy = decoded(develop(light, subject, np.random.default_rng(1), replace(perfect, noise=(0.05, 0.05))))
    assert noisy.astype(float).std(axis=0).mean() > 3 * photos[0].astype(float).std(axis=0).mean()
    assert develop(light, subject, np.random.default_rng(2), FaultConfig()) == develop(
        light, subject, np.random.default_rng(2), FaultConfig()
    )
