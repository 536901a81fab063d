"""Who sits for photographs: a textured body of one topology, and the poses it is photographed in."""

from __future__ import annotations

from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ...representations.tensor_structure import TensorStructure


class Sitter(TensorStructure):
    """A textured mesh in its rest pose. Rest frame: +Y up, front +Z, left +X, the box centred, its longest side 1."""

    vertices: Float[Tensor, "V 3"]
    """Rest positions."""
    faces: Int[Tensor, "F 3"]
    """Counter-clockwise seen from outside."""
    uv: Float[Tensor, "T 2"]
    """Texture coordinates, origin at the picture's top left."""
    uv_faces: Int[Tensor, "F 3"]
    """Rows of `uv` for each corner of `faces`."""
    texture: UInt8[Tensor, "H W 3"]
    """Albedo, sRGB-encoded."""
    keypoint_names: tuple[str, ...]
    """K names, AP-10K style (see `representations.template`)."""
    part: Int[Tensor, " V"] | None = None
    """Body part of each vertex, an index into `chart.PARTS`; None where nobody knows."""
    reference: Float[Tensor, "V 3"] | None = None
    """Coordinates on the reference body that all species share (see `representations.chart`)."""


class Poses(TensorStructure):
    """B poses of a sitter. The root stays at its rest place, unturned: the camera moves."""

    vertices: Float[Tensor, "B V 3"]
    """Posed positions."""
    keypoints: Float[Tensor, "B K 3"]
    """Posed places of the named points, inside the limb or on the surface."""
    names: tuple[str, ...]
    """What each pose is, such as "walk" or "graze", B of them."""
