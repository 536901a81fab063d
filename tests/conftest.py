"""Shapes and types are checked while the tests run: every function of the package goes through jaxtyping and beartype.

The hook must stand before the first import of `zoetrope`, so this file imports nothing of it. Functions compiled by
numba or Triton are left as they are written: their compilers read the source, and a wrapper would not compile.

Besides: small networks of the real architectures with random weights, stored as timm's hub stores them.
"""

import ast
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import jaxtyping
import pytest
from jaxtyping import _import_hook

# As the command line does it, see cli.main; before PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_COMPILED = {"njit", "jit", "lean_jit", "vectorize", "guvectorize", "cfunc", "overload", "register_jitable"}
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


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Stores a network of random weights: hub_folder(architecture, **its arguments) gives the folder."""

    import timm
    import torch
    from safetensors.torch import save_file

    def made(architecture: str, **arguments) -> Path:
        torch.manual_seed(0)
        network = timm.create_model(architecture, pretrained=False, **arguments)
        folder = tmp_path_factory.mktemp(architecture)
        config = {"architecture": architecture, "model_args": arguments}
        config["pretrained_cfg"] = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
        (folder / "config.json").write_text(json.dumps(config))
        save_file(network.state_dict(), folder / "model.safetensors")
        return folder

    return made


@pytest.fixture(scope="session")
def small_vit(hub_folder: Callable[..., Path]) -> Path:
    """A DINOv2 with registers, two layers deep."""
    return hub_folder("vit_small_patch14_reg4_dinov2", embed_dim=24, depth=2, num_heads=3, img_size=56)
