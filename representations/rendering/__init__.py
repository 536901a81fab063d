"""Pictures of meshes, with gradients: visibility, interpolation, antialiasing, coverage, shading, textures."""

from .antialias import antialias
from .coverage import coverage
from .fragment import Fragments, rasterize
from .interpolate import barycentrics, interpolate
from .silhouette import blur_pyramid_loss, distance_maps, outside_loss
from .topology import Topology

__all__ = [
    "Fragments",
    "Topology",
    "antialias",
    "barycentrics",
    "blur_pyramid_loss",
    "coverage",
    "distance_maps",
    "interpolate",
    "outside_loss",
    "rasterize",
]
