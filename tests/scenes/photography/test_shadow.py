"""Shadows fall away from the sun, soften with distance, and the ground darkens where the body touches it."""

import numpy as np
import torch

from zoetrope.scenes.photography.shadow import EMPTY, SHADOW_MAP_SIZE, ShadowMaps, shadow_maps
from zoetrope.scenes.photography.sitter import Poses, Sitter


def _maps(sitter: Sitter, poses: Poses, direction: tuple[float, float, float], softness: float = 1.0) -> ShadowMaps:
    towards = torch.nn.functional.normalize(torch.tensor([direction]), dim=1)
    ground = poses.vertices[:1, :, 1].amin(1)
    return shadow_maps(poses.vertices[:1], sitter.faces, towards, torch.tensor([softness]), ground)


def _at(matrix: np.ndarray, point: tuple[float, float, float]) -> tuple[int, int, float]:
    column, row, depth = matrix @ np.array([*point, 1.0])
    return int(row), int(column), float(depth)


def test_the_shadow_lies_on_the_far_side_of_the_sun(sitter: Sitter, poses: Poses) -> None:
    ground = float(poses.vertices[0, :, 1].min())
    maps = _maps(sitter, poses, (1.0, 1.0, 0.0))
    height = -ground
    for x, expected in ((-height, 1.0), (height, 0.0)):
        row, column, depth = _at(maps.sun[0], (x, ground, 0.0))
        hidden = maps.ground[0, row, column, 0] if 0 <= row < SHADOW_MAP_SIZE and 0 <= column < SHADOW_MAP_SIZE else 0.0
        # Both sides of the trunk project onto its outline or beside it; only the far one is behind it.
        if expected:
            assert hidden > 0.9
            assert depth > maps.ground[0, row, column, 2] + 0.1
        else:
            assert hidden < 0.1


def test_depths_are_distances_along_the_light(sitter: Sitter, poses: Poses) -> None:
    maps = _maps(sitter, poses, (0.0, 1.0, 0.01))
    seen = maps.zenith_depth[0] < EMPTY
    assert 0.05 < seen.mean() < 0.9
    # The highest point of the trunk is seen from above at its own depth.
    row, column, depth = _at(maps.zenith[0], (0.0, 0.13, 0.0))
    assert abs(depth - maps.zenith_depth[0, row, column]) < 0.005
    # A point of the ground under the trunk is its height further away.
    _, _, below = _at(maps.zenith[0], (0.0, -0.37, 0.0))
    assert abs(below - depth - 0.5) < 1e-4


def test_soft_light_has_soft_shadows_and_feet_touch_the_ground(sitter: Sitter, poses: Poses) -> None:
    sharp, soft = (_maps(sitter, poses, (0.3, 1.0, 0.0), softness).ground[0, ..., 0] for softness in (0.7, 4.0))
    assert np.abs(np.diff(sharp, axis=1)).max() > 1.5 * np.abs(np.diff(soft, axis=1)).max()
    maps = _maps(sitter, poses, (0.3, 1.0, 0.0))
    ground = float(poses.vertices[0, :, 1].min())
    kept = {}
    for name, place in (("foot", (0.09, ground, -0.22)), ("belly", (0.0, ground, 0.0)), ("open", (0.6, ground, 0.0))):
        row, column, _ = _at(maps.below[0], place)
        kept[name] = maps.ground[0, row, column, 3]
    assert kept["foot"] < 0.6 < kept["open"]
    assert kept["foot"] < kept["belly"] < kept["open"]
    assert kept["open"] > 0.93
