"""Channels between their keys, against closed forms."""

import numpy as np
import pytest

from zoetrope.scenes.gltf.animation import Channel, GltfClip
from zoetrope.scenes.gltf.node import Nodes, matrices_from_quaternions


def _turn(axis, degrees):
    half = np.radians(degrees) / 2
    return np.append(np.sin(half) * np.array(axis, float), np.cos(half))


def _channel(path, interpolation, times, values, tangents=None):
    return Channel(0, path, interpolation, np.array(times, float), np.array(values, float), tangents)


def test_linear_step_and_the_ends():
    times, values = [1.0, 2.0, 4.0], [[0, 0, 0], [2, 4, 6], [2, 0, 0]]
    moments = np.array([0.0, 1.0, 1.25, 2.0, 3.0, 4.0, 9.0])
    linear = _channel("translation", "LINEAR", times, values).at(moments)
    np.testing.assert_allclose(linear[:, 1], [0, 0, 1, 4, 2, 0, 0])
    step = _channel("translation", "STEP", times, values).at(moments)
    np.testing.assert_allclose(step[:, 1], [0, 0, 0, 4, 4, 0, 0])


def test_rotations_turn_evenly_the_short_way():
    start, end = _turn([0, 0, 1], 10), _turn([0, 0, 1], 130)
    for far in (end, -end):  # both are the same rotation
        found = _channel("rotation", "LINEAR", [0, 1], [start, far]).at(np.array([0, 0.25, 0.5, 1]))
        for row, degrees in zip(found, (10, 40, 70, 130), strict=True):
            np.testing.assert_allclose(abs(row @ _turn([0, 0, 1], degrees)), 1, atol=1e-12)
    same = _channel("rotation", "LINEAR", [0, 1], [start, start]).at(np.array([0.3]))
    np.testing.assert_allclose(same[0], start, atol=1e-12)


def test_a_cubic_spline_reproduces_cubics():
    """With its own derivatives as tangents any cubic polynomial comes out exactly."""
    rng = np.random.default_rng(0)
    times = np.array([0.5, 1.25, 3.0])
    for _ in range(3):
        polynomial = np.polynomial.Polynomial(rng.normal(size=4))
        slope = polynomial.deriv()(times)[:, None]
        channel = _channel("weights", "CUBICSPLINE", times, polynomial(times)[:, None], np.stack([slope, slope], 1))
        moments = np.linspace(0.5, 3.0, 23)
        np.testing.assert_allclose(channel.at(moments)[:, 0], polynomial(moments), atol=1e-12)


def test_in_and_out_tangents_are_not_mixed_up():
    tangents = np.array([[[99.0], [3.0]], [[0.0], [99.0]]])  # left by 3, arrived at flat
    channel = _channel("weights", "CUBICSPLINE", [0, 1], [[0], [1]], tangents)
    # Hermite: h01 + 3 h10 at 1/2 = 0.5 + 3 * 0.125.
    np.testing.assert_allclose(channel.at(np.array([0.5])), [[0.875]])


def test_spline_rotations_have_unit_length():
    keys = [_turn([1, 0, 0], 0), _turn([1, 0, 0], 90)]
    channel = _channel("rotation", "CUBICSPLINE", [0, 1], keys, np.zeros((2, 2, 4)))
    found = channel.at(np.linspace(0, 1, 9))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(abs(found[4] @ _turn([1, 0, 0], 45)), 1, atol=1e-12)


@pytest.mark.parametrize("interpolation", ["LINEAR", "STEP"])
def test_one_key_holds_for_ever(interpolation):
    found = _channel("scale", interpolation, [2.0], [[1, 2, 3]]).at(np.array([0.0, 2.0, 5.0]))
    np.testing.assert_array_equal(found, [[1, 2, 3]] * 3)


def test_a_clip_moves_only_what_it_names():
    nodes = Nodes(
        names=("a", "b"),
        parents=(-1, 0),
        translation=np.array([[[1.0, 0, 0], [0, 2.0, 0]]]),
        rotation=np.array([[[0.0, 0, 0, 1]] * 2]),
        scale=np.ones((1, 2, 3)),
        matrix=np.tile(np.eye(4), (2, 1, 1)),
        fixed=np.zeros(2, bool),
    )
    turn = _channel("rotation", "LINEAR", [0, 1], [_turn([0, 0, 1], 0), _turn([0, 0, 1], 90)])
    posed, weights = GltfClip("wave", (turn,)).pose(nodes, np.array([0.0, 1.0]))
    assert weights == {}
    np.testing.assert_allclose(posed.world()[:, 1, :3, 3], [[1, 2, 0], [-1, 0, 0]], atol=1e-12)
    np.testing.assert_array_equal(posed.translation[1], nodes.translation[0])


def test_quaternions_of_the_file_are_xyzw():
    quarter = matrices_from_quaternions(_turn([0, 1, 0], 90))
    np.testing.assert_allclose(quarter @ [0, 0, 1], [1, 0, 0], atol=1e-12)
