"""Intervals of means over photos and over pairs of photos."""

import numpy as np
import pytest

from zoetrope.eval.metrics.bootstrap import bootstrap_interval, pair_interval


def _pairs(photos: int):
    return np.array([(s, t) for s in range(photos) for t in range(photos) if s != t]).T


def test_the_interval_is_that_of_a_mean():
    """Of many values it nears mean +- 1.96 standard errors; the same seed gives the same bits."""
    values = np.random.default_rng(1).normal(2, 1, 400)
    low, high = bootstrap_interval(values)
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval(values, seed=1) != (low, high)


def test_pairs_that_are_all_right_leave_no_doubt():
    source, target = _pairs(5)
    assert pair_interval(np.ones(20, bool), source, target) == (1.0, 1.0)


def test_pairs_of_a_bad_photo_stand_and_fall_together():
    """One of ten photos is wrong in all of its pairs: in samples it is there not at all, once, or several times."""
    source, target = _pairs(10)
    bad = (source == 0) | (target == 0)
    low, high = pair_interval(~bad, source, target)
    assert high == 1.0
    # Were pairs drawn instead of photos, the one photo's share would hardly change from sample to sample.
    alone = bootstrap_interval((~bad).astype(float))
    assert low < alone[0] - 0.1


def test_the_share_of_the_sample_lies_within():
    source, target = _pairs(12)
    correct = np.random.default_rng(3).random(len(source)) < 0.6
    low, high = pair_interval(correct, source, target)
    assert low < correct.mean() < high
    assert pair_interval(correct, source, target) == (low, high)
