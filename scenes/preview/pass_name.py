"""The names of `passes`, apart from them so that the command line can offer them without loading PyTorch."""

from typing import Literal

Pass = Literal["color", "clay", "normals", "parts", "correspondence", "wireframe", "skeleton"]
