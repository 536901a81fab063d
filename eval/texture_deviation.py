"""How much textures of one subject differ from seed to seed.

A prior that is asked with noise paints something else each time. Of one run painted anew with several seeds by each of
several rules, all on one atlas,

    deviation of a rule = mean over texels and channels of the standard deviation over its seeds (n - 1 below),

colours in [0, 1], over those texels that any of the paintings, on average over its channels, moved by more than a
fiftieth from the run's own texture. The same texels count for every rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..scenes.error import InputError
from .textured import load_textured

_MOVED = 0.02


def texture_deviation(run: Path, paintings: Mapping[str, Sequence[Path]]) -> dict[str, float]:
    """The deviation of each rule that has two paintings or more, from the folders of runs; 0 where no texel moved.

    Raises InputError where a run has no texture, or one of another size.
    """
    plain = _texture(run)
    painted = {name: torch.stack([_texture(one) for one in runs]) for name, runs in paintings.items() if runs}
    for name, textures in painted.items():
        if textures.shape[1:] != plain.shape:
            raise InputError(f"{paintings[name][0]} has a texture of another size than {run}; was it painted from it?")
    every = torch.cat([plain[None], *painted.values()])
    moved = ((every - plain).abs().mean(-1) > _MOVED).any(0)
    deviations = {name: textures.std(0).mean(-1)[moved] for name, textures in painted.items() if len(textures) > 1}
    return {name: float(values.mean()) if len(values) else 0.0 for name, values in deviations.items()}


def _texture(run: Path) -> Float[Tensor, "H W 3"]:
    texture = load_textured(run).texture
    assert texture is not None
    return texture.float() / 255
