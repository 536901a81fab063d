"""Compiled kernels: with and without counted references they give the same, and who may make arrays is checked."""

import numpy as np
import pytest

from zoetrope.representations.parallel import jit, lean_jit, over


def running_sum(values, out):
    total = 0.0
    for k in range(values.shape[0]):
        total += values[k] if values[k] > 0 else 0.5 * values[k]
        out[k] = total


def doubled(values):
    out = np.empty_like(values)
    for k in range(values.shape[0]):
        out[k] = 2 * values[k]
    return out


def test_both_kinds_of_kernels_give_the_same_bits() -> None:
    values = np.random.default_rng(0).standard_normal(50)
    outs = [np.empty(50) for _ in range(3)]
    for kernel, out in zip((running_sum, jit(running_sum), lean_jit(running_sum)), outs, strict=True):
        kernel(values, out)
    assert np.array_equal(outs[0], outs[1])
    assert np.array_equal(outs[0], outs[2])


def test_a_lean_kernel_that_makes_an_array_is_refused() -> None:
    values = np.ones(3)
    assert jit(doubled)(values).tolist() == [2, 2, 2]
    with pytest.raises(Exception, match="NRT required but not enabled"):
        lean_jit(doubled)(values)


def test_results_come_in_order_on_any_number_of_threads() -> None:
    pieces = over(37, lambda start, stop: list(range(start, stop)))
    assert [index for piece in pieces for index in piece] == list(range(37))
    assert over(0, lambda start, stop: stop - start) == []
