"""The first guess in a world of known cameras: where rays meet, which way is up, whether the subject held still."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.start.known_start import first_known_cameras, nearest_point, vertical
from zoetrope.optimize.start.visual_hull import STILL_SHARE, filled_share, hull
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection


def rays(point: np.ndarray, origins: np.ndarray) -> np.ndarray:
    return (point - origins) * np.linspace(0.1, 3, len(origins))[:, None]


@pytest.mark.parametrize("away", [0.0, 1e5])
def test_rays_meet_where_they_were_aimed_at_also_far_from_the_origin(away: float) -> None:
    point = np.array([away, 2.0, -3.0])
    origins = point + np.random.default_rng(0).normal(size=(4, 3)) * 5
    np.testing.assert_allclose(nearest_point(origins, rays(point, origins)), point, atol=1e-7)
    np.testing.assert_allclose(nearest_point(origins[:2], rays(point, origins[:2])), point, atol=1e-7)


def test_a_single_ray_stops_next_to_the_origin_or_before_its_camera() -> None:
    origin = np.array([[0.0, 1.0, 5.0]])
    np.testing.assert_allclose(nearest_point(origin, np.array([[0.0, 0, -2]])), [0, 1, 0], atol=1e-12)
    # The origin lies behind the camera, or is where it stands.
    np.testing.assert_allclose(nearest_point(origin, np.array([[0.0, 0, 2]])), [0, 1, 6], atol=1e-12)
    np.testing.assert_allclose(nearest_point(0 * origin, np.array([[0.0, 0, -1]])), [0, 0, -1], atol=1e-12)


def test_up_is_the_files_unless_cameras_contradict_it() -> None:
    level = Rotation.from_euler("YX", [[azimuth, -15] for azimuth in range(0, 360, 40)], degrees=True)
    np.testing.assert_array_equal(vertical(level.as_matrix()), [0, 1, 0])
    np.testing.assert_array_equal(vertical(level[:1].as_matrix()), [0, 1, 0])
    lying = Rotation.from_euler("X", 90, degrees=True)
    np.testing.assert_array_equal(vertical((lying * level).as_matrix()), [0, 0, 1])
    np.testing.assert_array_equal(vertical((lying * level)[2:3].as_matrix()), [0, 0, 1])
    askew = Rotation.from_euler("XZ", [50, 40], degrees=True)
    np.testing.assert_allclose(vertical((askew * level).as_matrix()), askew.apply([0, 1, 0]), atol=1e-9)


@pytest.mark.parametrize("up_z", [False, True])
def test_the_guess_has_the_subjects_place_size_and_up(turnaround: Callable[..., Any], up_z: bool) -> None:
    made = turnaround([10, 100, 190, 280], scale=7.0, yaw_deg=200, shift=(-40, 3, 25), up_z=up_z)
    world = made.world_from_rest
    hypotheses = first_known_cameras(Observations(load_collection(made.folder)), 5)
    guess = hypotheses.world_from_guess
    middle = (made.vertices.amin(0) + made.vertices.amax(0)).double().numpy() / 2
    true = world[:3, :3] @ middle + world[:3, 3]
    assert np.linalg.norm(guess[:3, 3] - true) < 0.15 * 7
    assert np.cbrt(np.linalg.det(guess[:3, :3])) == pytest.approx(7, rel=0.3)
    np.testing.assert_allclose(guess[:3, 1] / np.linalg.norm(guess[:3, 1]), [0, 0, 1] if up_z else [0, 1, 0], atol=1e-9)
    assert hypotheses.still


def test_cameras_that_look_away_are_refused_and_named(turnaround: Callable[..., Any]) -> None:
    made = turnaround([0, 60, 120])
    observations = Observations(load_collection(made.folder))
    camera = observations.photos[1].camera
    assert camera is not None
    # Turned round on the spot.
    camera.camera_to_world[:3, :3] = camera.camera_to_world[:3, :3] @ np.diag([-1.0, 1, -1])
    with pytest.raises(InputError, match=r"behind the camera of 1\.png.*--cameras estimate"):
        first_known_cameras(observations, 5)


def test_a_subject_that_moves_does_not_fill_its_outlines(turnaround: Callable[..., Any]) -> None:
    """The same still photos, one of them moved by a fifth of the body: no longer one moment."""
    made = turnaround([0, 50, 130, 200, 290])
    observations = Observations(load_collection(made.folder))
    view = observations.at(96)
    given = first_known_cameras(observations, 5).given
    still = filled_share(view, given)
    assert float(still.min()) > 0.99
    given.translations[2, 0] += 0.2
    assert float(filled_share(view, given).mean()) < STILL_SHARE - 0.02


def test_the_hull_holds_the_subject_and_little_else(turnaround: Callable[..., Any]) -> None:
    made = turnaround(list(range(0, 360, 45)))
    observations = Observations(load_collection(made.folder))
    hypotheses = first_known_cameras(observations, 5)
    points = hull(observations.at(96), hypotheses.given)
    guess = torch.from_numpy(hypotheses.world_from_guess).float()
    in_world = points @ guess[:3, :3].T + guess[:3, 3]
    apart = torch.cdist(made.vertices[::20], in_world).amin(1)
    assert float(apart.max()) < 0.05, "no part of the subject is carved away"
    for corner in ("amin", "amax"):
        ours, theirs = getattr(in_world, corner)(0), getattr(made.vertices, corner)(0)
        torch.testing.assert_close(ours, theirs, atol=0.08, rtol=0)
