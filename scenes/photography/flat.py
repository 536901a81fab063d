"""Flat pictures: a subject alone, in the colours of its texture, without any light and before nothing.

As a file: RGBA, sRGB-encoded colours that are not multiplied by their opacity. In memory: linear light multiplied by
the share of each pixel that the subject covers, so that light of edges adds up and pictures can be laid on any ground,

    on white = light + (1 - coverage),    encoded last.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ...representations.camera import Intrinsics, RigidCamera
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rendering.shading import linear_from_srgb, srgb_from_linear
from ...representations.rendering.topology import Topology
from ...representations.tensor_structure import TensorStructure
from ..atomic import atomic_write
from ..error import InputError, PhotoError
from ..photos.decode import decode
from ..preview.studio import Studio, draw_subject

_STUDIO = Studio(background=(0.0, 0.0, 0.0), ambient=1.0, key=0.0, supersampling=3)


class FlatPicture(TensorStructure):
    """One picture."""

    light: Float[Tensor, "H W 3"]
    """Linear, multiplied by the coverage."""
    coverage: Float[Tensor, "H W"]
    """In [0, 1]."""

    def on_white(self) -> Float[Tensor, "H W 3"]:
        """sRGB-encoded, over white."""
        return srgb_from_linear((self.light + (1 - self.coverage[..., None])).clamp(0, 1))


def draw_flat(
    vertices_camera: Float[Tensor, "V 3"],
    mesh: SkinnedMesh,
    intrinsics: Intrinsics,
    texture: Float[Tensor, "TH TW 3"],
    topology: Topology | None = None,
) -> FlatPicture:
    """The posed vertices of `mesh`, given in the camera's own axes, through one lens; `texture` is sRGB-encoded.

    `topology`: `Topology.of(mesh.faces)`, made here if None; pass it when drawing more than once.
    """
    device = vertices_camera.device
    camera = RigidCamera(torch.eye(3, device=device)[None], torch.zeros(1, 3, device=device))
    shot = draw_subject(vertices_camera[None], mesh, camera, intrinsics, texture, _STUDIO, topology)
    return FlatPicture(linear_from_srgb(shot.color[0]), shot.coverage[0].clamp(0, 1))


def write_flat(path: Path, picture: FlatPicture) -> None:
    """The picture as a PNG; the same picture gives the same bytes."""
    coverage = picture.coverage[..., None]
    colour = torch.where(coverage > 0, picture.light / coverage.clamp_min(1e-6), 0)
    content = torch.cat([srgb_from_linear(colour.clamp(0, 1)), coverage], dim=-1)
    pixels = (255 * content).round().to(torch.uint8).cpu().numpy()
    with atomic_write(path) as temporary:
        Image.fromarray(pixels).save(temporary)


def read_flat(path: Path) -> FlatPicture:
    """The picture in a PNG with an alpha channel. Raises InputError where it cannot be read or is opaque all over."""
    try:
        found = decode(path)
    except PhotoError as error:
        raise InputError(f"{path} {error}") from error
    if found.alpha is None:
        raise InputError(f"{path} has no alpha channel that says where the subject is; write the collection again")
    colour, coverage = (torch.from_numpy(values.astype(np.float32) / 255) for values in (found.pixels, found.alpha))
    return FlatPicture(linear_from_srgb(colour) * coverage[..., None], coverage)
