"""Places: the horizon where the camera has it, the ground at its depth, shadows on it, sharp at one distance only."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from zoetrope.scenes.photography.backdrop import Backdrop, draw_backdrop, draw_grass, focus
from zoetrope.scenes.photography.ground_kernel import GRASS_HEIGHT
from zoetrope.scenes.photography.light import LightConfig, SceneLight, draw_light
from zoetrope.scenes.photography.scenery import PLACES, Scenery, SceneryKind, draw_scenery
from zoetrope.scenes.photography.shadow import ShadowMaps, shadow_maps
from zoetrope.scenes.photography.sitter import Poses, Sitter

GROUND, SIZE, FOCAL = -0.37, 64, 80.0


def _camera(pitch_deg: float, roll_deg: float = 0.0, distance: float = 2.0) -> np.ndarray:
    """Looks along -Z, down by `pitch_deg`."""
    p, r = math.radians(pitch_deg), math.radians(roll_deg)
    right, up, back = (
        np.array([1.0, 0, 0]),
        np.array([0, math.cos(p), -math.sin(p)]),
        np.array([0, math.sin(p), math.cos(p)]),
    )
    right, up = math.cos(r) * right + math.sin(r) * up, math.cos(r) * up - math.sin(r) * right
    return np.stack([right, up, back, distance * back, np.array([FOCAL, SIZE / 2, SIZE / 2])])


@pytest.fixture(scope="module")
def light() -> SceneLight:
    direction = np.array([0.6, 0.6, 0.52])
    return SceneLight(direction / np.linalg.norm(direction), np.ones(3), np.full(3, 0.2), 1.0)


@pytest.fixture(scope="module")
def maps(sitter: Sitter, poses: Poses, light: SceneLight) -> ShadowMaps:
    towards = torch.tensor(light.direction[None]).float()
    ground = torch.tensor([GROUND])
    return shadow_maps(poses.vertices[:1], sitter.faces, towards, torch.tensor([1.0]), ground)


def _place(place: SceneryKind, light: SceneLight, seed: int = 3) -> Scenery:
    return draw_scenery(np.random.default_rng(seed), place, light, GROUND)


def test_the_horizon_is_where_the_camera_has_it(light: SceneLight, maps: ShadowMaps) -> None:
    for pitch, roll in ((10.0, 0.0), (4.0, 8.0)):
        camera = _camera(pitch, roll)
        depth = draw_backdrop(_place("sand", light), light, camera, maps, 0, (SIZE, SIZE)).depth
        columns, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
        x, y = (columns - SIZE / 2) / FOCAL, (SIZE / 2 - rows) / FOCAL
        rising = x * camera[0, 1] + y * camera[1, 1] - camera[2, 1]
        expected = (camera[3, 1] - GROUND) / -np.minimum(rising, -1e-9)
        on_ground = (rising < 0) & (expected < 50)
        assert np.allclose(depth[on_ground], expected[on_ground], rtol=1e-4)
        assert (depth[rising > 0] > 500).all()
        if roll:
            left, right = (int((depth[:, column] > 500).sum()) for column in (0, SIZE - 1))
            assert abs((right - left) / SIZE - math.tan(math.radians(roll))) < 0.04


def test_the_body_darkens_the_ground_on_the_far_side_of_the_sun(light: SceneLight, maps: ShadowMaps) -> None:
    camera, scenery = _camera(40.0), _place("sand", light)
    unshaded = np.zeros_like(maps.ground)
    unshaded[..., 3] = 1
    nobody = replace(maps, ground=unshaded)
    with_body, without = (draw_backdrop(scenery, light, camera, m, 0, (SIZE, SIZE)).colour for m in (maps, nobody))
    loss = 1 - with_body.mean(-1) / without.mean(-1)
    assert loss.min() > -1e-4
    assert 0.02 < (loss > 0.5).mean() < 0.5
    rows, columns = np.nonzero(loss > 0.5)
    x, y = (columns + 0.5 - SIZE / 2) / FOCAL, (SIZE / 2 - rows - 0.5) / FOCAL
    ray = x[:, None] * camera[0] + y[:, None] * camera[1] - camera[2]
    points = camera[3] + ray * ((camera[3, 1] - GROUND) / -ray[:, 1])[:, None]
    # The sun is at +x, +z: what is dark lies, on the whole, at -x and further back than the body.
    assert points[:, 0].mean() < -0.1
    assert points[:, 2].mean() < -0.05


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_light_not_flat_and_the_same_again(
    place: SceneryKind, light: SceneLight, maps: ShadowMaps
) -> None:
    scenery = _place(place, light)
    first, again = (draw_backdrop(scenery, light, _camera(8.0), maps, 0, (SIZE, SIZE)) for _ in range(2))
    assert np.array_equal(first.colour, again.colour)
    assert np.isfinite(first.colour).all()
    assert first.colour.min() >= 0
    assert 0.01 < first.colour.mean() < 2
    assert first.colour.std() > 0.01
    other = draw_backdrop(_place(place, light, seed=4), light, _camera(8.0), maps, 0, (SIZE, SIZE))
    assert np.abs(other.colour - first.colour).mean() > 0.01


def test_grass_hides_the_feet_and_not_the_back(light: SceneLight, maps: ShadowMaps) -> None:
    scenery, camera = _place("meadow", light), _camera(8.0)
    scenery.ground[GRASS_HEIGHT] = 0.12
    # A wall through the origin that faces the camera.
    columns, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    x, y = (columns - SIZE / 2) / FOCAL, (SIZE / 2 - rows) / FOCAL
    ray = x[..., None] * camera[0] + y[..., None] * camera[1] - camera[2]
    depth = (-camera[3, 2] / ray[..., 2]).astype(np.float32)
    height = camera[3, 1] + depth * ray[..., 1] - GROUND
    depth = np.where(height < 0, np.inf, depth).astype(np.float32)
    colour, opacity = draw_grass(scenery, light, camera, maps, 0, depth)
    assert opacity.min() >= 0
    assert opacity.max() <= 1
    assert opacity[(height > 0) & (height < 0.03)].mean() > 0.3
    assert opacity[height > 0.2].max() == 0
    assert opacity[~np.isfinite(depth)].max() == 0
    assert colour[opacity == 0].max() == 0


def test_the_lens_is_sharp_at_one_distance() -> None:
    stripes = np.repeat((np.arange(SIZE) % 4 < 2)[None, :, None], SIZE, axis=0).repeat(3, axis=2).astype(np.float32)
    depth = np.full((SIZE, SIZE), 2.0, np.float32)
    depth[: SIZE // 2] = 30.0
    picture = focus(Backdrop(stripes, depth), 2.0, 20.0)
    assert np.allclose(picture[SIZE // 2 + 1 :], stripes[SIZE // 2 + 1 :], atol=1e-3)
    assert picture[: SIZE // 2 - 1, 8:-8].std() < 0.1 * stripes.std()
    assert np.array_equal(focus(Backdrop(stripes, depth), 2.0, 0.0), stripes)


def test_the_sun_is_warm_when_low_and_away_on_dull_days() -> None:
    lights = [draw_light(np.random.default_rng(k), LightConfig(), 30.0, indoors=False) for k in range(300)]
    sunny = [one for one in lights if one.sun.any()]
    assert 0.1 < 1 - len(sunny) / len(lights) < 0.35
    elevation = np.array([math.degrees(math.asin(one.direction[1])) for one in sunny])
    redness = np.array([one.sun[0] / one.sun[2] for one in sunny])
    assert 7.9 < elevation.min() < 14
    assert 65 < elevation.max() < 80.1
    assert redness[elevation < 15].mean() > 1.4 * redness[elevation > 45].mean()
    camera = np.array([math.sin(math.radians(30)), 0, math.cos(math.radians(30))])
    against = np.array(
        [one.direction @ camera < -0.55 * math.hypot(one.direction[0], one.direction[2]) for one in sunny]
    )
    assert 0.08 < against.mean() < 0.45
