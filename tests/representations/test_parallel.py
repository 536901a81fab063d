"""Compiled kernels: with and without counted references they give the same, and those without make no arrays."""

import ast
import re
from pathlib import Path

import numpy as np

from zoetrope.representations.parallel import jit, lean_jit, over

MAKES = re.compile(
    r"^np\.(empty|zeros|ones|full|array|arange|linspace|stack|concatenate|where)|\.(copy|astype|sum|dot)$"
)


def running_sum(values, out):
    total = 0.0
    for k in range(values.shape[0]):
        total += values[k] if values[k] > 0 else 0.5 * values[k]
        out[k] = total


def test_both_kinds_of_kernels_give_the_same_bits() -> None:
    values = np.random.default_rng(0).standard_normal(50)
    outs = [np.empty(50) for _ in range(3)]
    for kernel, out in zip((running_sum, jit(running_sum), lean_jit(running_sum)), outs, strict=True):
        kernel(values, out)
    assert np.array_equal(outs[0], outs[1])
    assert np.array_equal(outs[0], outs[2])


def test_no_lean_kernel_makes_arrays() -> None:
    """Nobody would count their references, so they would never be freed."""
    package = Path(__file__).parents[2]
    kernels, makers = 0, []
    for path in (file for folder in ("representations", "scenes") for file in (package / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or "lean_jit" not in map(ast.unparse, node.decorator_list):
                continue
            kernels += 1
            calls = [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
            makers += [f"{path.name}: {node.name}: {call}" for call in calls if MAKES.search(call)]
    assert kernels > 10
    assert makers == []


def test_results_come_in_order_on_any_number_of_threads() -> None:
    pieces = over(37, lambda start, stop: list(range(start, stop)))
    assert [index for piece in pieces for index in piece] == list(range(37))
    assert over(0, lambda start, stop: stop - start) == []
