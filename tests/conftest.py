"""Shapes and types are checked while the tests run: every function of the package goes through jaxtyping and beartype.

The hook must stand before the first import of `zoetrope`, so this file imports nothing of it. Functions compiled by
numba or Triton are left as they are written: their compilers read the source, and a wrapper would not compile.
"""

import ast
import os
import sys

import jaxtyping
from jaxtyping import _import_hook

# As the command line does it, see cli.main; before PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_COMPILED = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "overload", "register_jitable"}
# `float` accepts int, as the typing rules say (PEP 484); beartype refuses that unless told.
_TYPECHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"

_opts_out = _import_hook._is_no_type_check


def _opts_out_or_compiled(decorator: ast.AST) -> bool:
    name = decorator
    while isinstance(name, ast.Call):
        name = name.func
    attribute = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
    return attribute in _COMPILED or _opts_out(decorator)


if "zoetrope" in sys.modules:
    raise RuntimeError("zoetrope was imported before the shape-checking hook; import it in tests, not in plugins")
# jaxtyping has no list of decorators to leave alone, only @no_type_check in the source; this adds the compilers to it.
_import_hook._is_no_type_check = _opts_out_or_compiled
jaxtyping.install_import_hook("zoetrope", _TYPECHECKER)
