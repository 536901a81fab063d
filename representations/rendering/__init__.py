"""Pictures of meshes, with gradients.

`rasterize` finds what is seen (`Fragments`); on it stand `barycentrics`, `interpolate` and `surface` (attributes at
pixels), `antialias` (silhouettes with gradients), `normals` and `shade`, `sample_texture`, and `render`, which puts
them together. `coverage` is the silhouette alone, exact and quick, for fitting; `blur_pyramid_loss` and `outside_loss`
compare it with a mask.
"""

from .antialias import antialias
from .coverage import coverage
from .fragment import rasterize
from .fragments import Fragments
from .interpolate import barycentrics, interpolate, surface
from .render import Material, Rendering, RenderSettings, render
from .shading import Light, linear_from_srgb, normals, shade, srgb_from_linear
from .silhouette import blur_pyramid_loss, distance_maps, outside_loss
from .texture import sample_texture, texel_footprint
from .topology import Topology

__all__ = [
    "Fragments",
    "Light",
    "Material",
    "RenderSettings",
    "Rendering",
    "Topology",
    "antialias",
    "barycentrics",
    "blur_pyramid_loss",
    "coverage",
    "distance_maps",
    "interpolate",
    "linear_from_srgb",
    "normals",
    "outside_loss",
    "rasterize",
    "render",
    "sample_texture",
    "shade",
    "srgb_from_linear",
    "surface",
    "texel_footprint",
]
