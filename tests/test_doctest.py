"""Every example in a docstring runs. Modules as installed: pytest's --doctest-modules would import copies."""

import doctest
import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import zoetrope

# Walking imports the packages on the way; tests/ and docs/ are no packages, so they never appear here.
MODULES = ["zoetrope", *sorted(module.name for module in pkgutil.walk_packages(zoetrope.__path__, "zoetrope."))]


class _Finder(doctest.DocTestFinder):
    """Sees through the shape-checking wrappers, whose globals are not the module's; plain doctest would skip them."""

    def _from_module(self, module: Any, object: Any) -> bool:
        return super()._from_module(module, inspect.unwrap(object) if callable(object) else object)  # type: ignore[misc]


def _examples(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return [test for test in _Finder().find(module, name) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for test in _examples(name):
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_wrapped_functions_are_not_skipped() -> None:
    assert any(test.name.endswith(".icosphere") for test in _examples("zoetrope.representations.geometry.mesh"))
