"""Noise: smooth, centred, the same for a seed on any number of threads; cells: true distances."""

import numpy as np
import torch

from zoetrope.scenes.zoo.noise import cells, noise, octaves

POINTS = np.random.default_rng(0).uniform(-20, 20, (20000, 3))


def test_noise_is_centred_and_bounded_and_of_unit_size() -> None:
    values = noise(POINTS, 3)
    assert abs(values.mean()) < 0.02
    assert 0.15 < values.std() < 0.45
    assert np.abs(values).max() < 1.2
    near, far = noise(POINTS + 0.02, 3), noise(POINTS + 0.5, 3)
    assert np.abs(near - values).max() < 0.15
    assert np.abs(far - values).mean() > 0.15


def test_octaves_add_detail() -> None:
    step = np.array([0.05, 0.0, 0.0])

    def roughness(count: int) -> float:
        return float(np.abs(octaves(POINTS + step, 1, count=count) - octaves(POINTS, 1, count=count)).mean())

    assert roughness(4) > 1.5 * roughness(1)


def test_a_seed_is_a_pattern() -> None:
    assert (noise(POINTS, 5) == noise(POINTS, 5)).all()
    assert np.abs(noise(POINTS, 5) - noise(POINTS, 6)).mean() > 0.1
    assert np.abs(noise(-POINTS, 5) - noise(POINTS, 5)).mean() > 0.1
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = noise(POINTS, 5)
    finally:
        torch.set_num_threads(threads)
    assert (alone == noise(POINTS, 5)).all()


def test_cells_are_distances_to_the_same_points() -> None:
    found = cells(POINTS, 2)
    assert (found[:, 0] <= found[:, 1]).all()
    assert 0.3 < found[:, 0].mean() < 0.8
    # A distance changes no faster than the place does.
    moved = cells(POINTS + np.array([0.01, 0.0, 0.0]), 2)
    assert np.abs(moved[:, :2] - found[:, :2]).max() < 0.0101
    # Within a cell its number stays.
    inside = found[:, 1] - found[:, 0] > 0.05
    assert (moved[inside, 2] == found[inside, 2]).all()
    assert len(np.unique(found[:, 2])) > 1000
