"""The names of `passes`, apart from them so that the command line can offer them without loading PyTorch."""

from typing import Literal

Pass = Literal["color", "clay", "normals", "parts", "correspondence", "wireframe", "skeleton"]
LIT: tuple[Pass, ...] = ("color", "clay", "wireframe", "skeleton")
"""Those in which the studio's light shows; colours of the others mean something else."""
