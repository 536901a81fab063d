"""Cameras: all round, above the ground, the subject of the asked size, and what they record is true."""

import math

import pytest
import torch

from zoetrope.scenes.photography.sitter import Poses
from zoetrope.scenes.photography.viewpoint import ViewpointConfig, Viewpoints, draw_viewpoints

SIZE, COUNT = 200, 24


def _views(poses: Poses, config: ViewpointConfig, cut: torch.Tensor | None = None, seed: int = 0) -> Viewpoints:
    vertices = poses.vertices[:1].expand(COUNT, -1, -1)
    ground = vertices[..., 1].amin(1)
    cut = torch.zeros(COUNT, 2) if cut is None else cut
    return draw_viewpoints(vertices, SIZE, config, cut, ground, torch.Generator().manual_seed(seed))


def _boxes(poses: Poses, views: Viewpoints) -> tuple[torch.Tensor, torch.Tensor]:
    """Corners of the body in shares of the photo, through clip space."""
    matrices = views.clip_from_world(SIZE)
    vertices = poses.vertices[:1].expand(COUNT, -1, -1)
    clip = vertices @ matrices[:, :, :3].transpose(1, 2) + matrices[:, None, :, 3]
    ndc = clip[..., :2] / clip[..., 3:]
    pixels = torch.stack([ndc[..., 0] + 1, 1 - ndc[..., 1]], dim=-1) * SIZE / 2
    shares = pixels / torch.tensor(views.sizes, dtype=torch.float32)[:, None]
    return shares.amin(1), shares.amax(1)


def test_the_subject_fills_its_share_and_stays_inside(poses: Poses) -> None:
    views = _views(poses, ViewpointConfig(field_of_view_deg=(15, 40), fill=(0.5, 0.9)))
    low, high = _boxes(poses, views)
    longest = (high - low).amax(1)
    assert 0.47 < float(longest.min()) < 0.65
    assert 0.75 < float(longest.max()) < 0.93
    assert float(low.min()) > -0.01
    assert float(high.max()) < 1.01
    # It is not always in the middle.
    assert float(((low + high) / 2 - 0.5).abs().max()) > 0.08


def test_azimuths_go_all_round_and_nobody_stands_below_the_ground(poses: Poses) -> None:
    views = _views(poses, ViewpointConfig(elevation_deg=(-60, -50), high_share=0.0))
    assert float(views.position()[:, 1].min()) > float(poses.vertices[0, :, 1].min()) + 0.02
    views = _views(poses, ViewpointConfig(), seed=1)
    place = views.position()
    azimuth = torch.rad2deg(torch.atan2(place[:, 0], place[:, 2])).remainder(360).sort().values
    gaps = torch.cat([azimuth[1:], azimuth[:1] + 360]) - azimuth
    assert float(gaps.max()) < 2.5 * 360 / COUNT
    rotation = views.camera.rotations
    assert torch.allclose(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(COUNT, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(COUNT), atol=1e-5)


def test_an_arc_of_azimuths_is_kept_to_and_filled(poses: Poses) -> None:
    views = _views(poses, ViewpointConfig(azimuth_deg=(-40.0, 80.0)), seed=1)
    towards = views.position() - poses.vertices[0].mean(0)
    azimuth = torch.rad2deg(torch.atan2(towards[:, 0], towards[:, 2]))
    assert -45 < float(azimuth.min()) < -30
    assert 70 < float(azimuth.max()) < 85


def test_without_roll_the_horizon_is_level_and_with_it_it_tilts(poses: Poses) -> None:
    level = _views(poses, ViewpointConfig(roll_deg=0.0))
    assert float(level.camera.rotations[:, 0, 1].abs().max()) < 1e-5
    tilted = _views(poses, ViewpointConfig(roll_deg=5.0))
    angles = torch.rad2deg(torch.asin(tilted.camera.rotations[:, 0, 1]))
    assert 2 < float(angles.std()) < 9


def test_the_record_is_true_for_whole_frames_and_absent_from_cut_ones(poses: Poses) -> None:
    views = _views(poses, ViewpointConfig(field_of_view_deg=(20, 50), recorded_share=0.5, cropped_share=0.5))
    recorded = 0
    for k, focal_35mm in enumerate(views.focal_35mm):
        width, height = views.sizes[k]
        focal, centre = float(views.focal[k]), views.centre[k]
        if focal_35mm is None:
            assert float((centre - torch.tensor([width / 2, height / 2])).abs().max()) > 0.5
            continue
        recorded += 1
        assert focal == pytest.approx(focal_35mm / 36 * max(width, height), rel=1e-6)
        assert centre.tolist() == [width / 2, height / 2]
        angle = 2 * math.degrees(math.atan(max(width, height) / 2 / focal))
        assert 19.5 < angle < 50.5
    assert 5 < recorded < COUNT - 5


def test_a_cut_hangs_over_the_edge(poses: Poses) -> None:
    cut = torch.zeros(COUNT, 2)
    cut[: COUNT // 2, 0] = 0.3
    cut[COUNT // 2 :, 1] = -0.2
    low, high = _boxes(poses, _views(poses, ViewpointConfig(), cut))
    size = high - low
    right = ((high[:, 0] - 1) / size[:, 0])[: COUNT // 2]
    below = ((high[:, 1] - 1) / size[:, 1])[COUNT // 2 :]
    assert 0.2 < float(right.min()) <= float(right.max()) < 0.45
    assert 0.1 < float(below.min()) <= float(below.max()) < 0.35


def test_square_when_asked(poses: Poses) -> None:
    assert set(_views(poses, ViewpointConfig(square=True)).sizes) == {(SIZE, SIZE)}
    sizes = set(_views(poses, ViewpointConfig()).sizes)
    assert len(sizes) > 2
    assert all(max(size) == SIZE for size in sizes)
