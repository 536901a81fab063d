"""Bodies: the pieces of a species united once, and every individual of it as the same mesh pulled to its proportions.

Uniting and unwrapping take seconds, pulling takes milliseconds: where a piece's vertex goes, the united vertices that
draw on it go (`representations.unite.United.follow`). So all individuals of a species share topology, texture layout,
body parts and reference coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ...representations.atlas import Atlas, texel_positions, unwrap
from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh, vertex_normals
from ...representations.geometry.unite import United, unite
from ...representations.tensor_structure import TensorStructure
from .blueprint import Blueprint, BlueprintPieces, Point, assemble, place

FACES = 12_000
_RESOLUTION = 176
"""Grid points along the longest side when pieces are united: ears and antlers are thin."""
TEXELS = 512


class Archetype(TensorStructure):
    """A species' mean body, united and unwrapped."""

    blueprint: Blueprint
    pieces: BlueprintPieces
    united: United
    atlas: Atlas

    @cached_property
    def canvas(self) -> Canvas:
        """What a coat is painted on."""
        return _canvas(self)


@dataclass(frozen=True, eq=False)
class Canvas:
    """The N texels of the atlas that lie on the body, and what a coat can know about each. Lengths in the blueprint's
    unit, rest pose."""

    names: tuple[str, ...]
    """The P pieces."""
    position: Float[np.ndarray, "N 3"]
    normal: Float[np.ndarray, "N 3"]
    piece: Int[np.ndarray, " N"]
    part: Int[np.ndarray, " N"]
    course: Float[np.ndarray, " N"]
    """What stripes run across (see `loft.Loft.course`); where pieces meet it goes over smoothly."""
    marks: dict[str, tuple[Point, float]]
    """Places and radii: eyes, nose."""
    texel: Int[np.ndarray, " N"]
    """Row-major index into the texture."""
    source: Int[np.ndarray, " R2"]
    """For each texel of the texture the one of N that it takes its colour from: gutters are filled."""

    def picture(self, colours: Float[np.ndarray, "N 3"]) -> np.ndarray:
        """The texture (TEXELS, TEXELS, 3), 8-bit, from sRGB-encoded colours of the N texels."""
        values = (np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8)
        return values[self.source].reshape(TEXELS, TEXELS, 3)


class Body(TensorStructure):
    """One individual in the package's rest frame: the box centred, its longest side 1."""

    mesh: SkinnedMesh
    """With texture coordinates."""
    skeleton: Skeleton
    eyes: Float[Tensor, "2 3"] | None
    """Left and right, on the surface of the eyeballs; carried by the head."""


def make_archetype(blueprint: Blueprint) -> Archetype:
    """Unites the pieces of a blueprint; takes about five seconds on one core."""
    pieces = assemble(blueprint)
    united = unite(pieces.mesh, pieces.piece, target_faces=FACES, resolution=_RESOLUTION, blend=0.9, symmetric=True)
    atlas = unwrap(united.mesh.vertices, united.mesh.faces, resolution=TEXELS, padding=3)
    return Archetype(blueprint, pieces, united, atlas)


def make_body(archetype: Archetype, blueprint: Blueprint) -> Body:
    """The archetype pulled to another blueprint of the same pieces. Raises ValueError where the pieces differ."""
    drawn, skeleton = place(blueprint)
    names = [loft.name for loft in blueprint.lofts]
    if names != [loft.name for loft in archetype.blueprint.lofts] or len(drawn) != len(archetype.pieces.piece):
        raise ValueError("the blueprint has other pieces than the archetype; make an archetype of its own")
    vertices = archetype.united.follow(drawn)
    low, high = vertices.amin(0), vertices.amax(0)
    centre, scale = (low + high) / 2, 1 / (high - low).max()
    mesh = archetype.united.mesh
    mesh = SkinnedMesh(
        (vertices - centre) * scale, mesh.faces, mesh.weights, mesh.part, mesh.reference, archetype.atlas.uv,
        archetype.atlas.uv_faces,
    )  # fmt: skip
    skeleton = skeleton.with_rest((skeleton.joints - centre) * scale, (skeleton.tips - centre) * scale)
    eyes = None
    if "left_eye" in blueprint.marks:
        (x, y, z), radius = blueprint.marks["left_eye"]
        eyes = (torch.tensor([[x + radius, y, z], [-x - radius, y, z]]) - centre) * scale
    return Body(mesh, skeleton, eyes)


def _canvas(archetype: Archetype) -> Canvas:
    mesh, pieces, united = archetype.united.mesh, archetype.pieces, archetype.united
    face, weights = texel_positions(archetype.atlas.uv, archetype.atlas.uv_faces, TEXELS)
    covered = (face >= 0).reshape(-1)
    texel = covered.nonzero()[:, 0]
    corner = mesh.faces[face.reshape(-1)[texel]]
    share = weights.reshape(-1, 3)[texel]

    def laid(values: Float[Tensor, "V C"]) -> Float[np.ndarray, "N C"]:
        return (values[corner] * share[..., None]).sum(1).numpy()

    # Which piece or part a texel belongs to is told by shares that go over smoothly, so that borders are not jagged.
    belongs = torch.nn.functional.one_hot(pieces.piece, len(pieces.names)).float()
    piece = laid(united.carry(belongs)).argmax(1)
    part = laid(torch.nn.functional.one_hot(mesh.part).float()).argmax(1)
    normal = laid(vertex_normals(mesh.vertices, mesh.faces))
    return Canvas(
        names=pieces.names,
        position=laid(mesh.vertices),
        normal=normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9),
        piece=piece,
        part=part,
        course=laid(united.carry(pieces.course[:, None]))[:, 0],
        marks=archetype.blueprint.marks,
        texel=texel.numpy(),
        source=_nearest(covered.reshape(TEXELS, TEXELS).numpy()),
    )


def _nearest(covered: Bool[np.ndarray, "R R"]) -> Int[np.ndarray, " R2"]:
    """For every texel the number of the covered one nearest to it."""
    rows, columns = cast(np.ndarray, distance_transform_edt(~covered, return_distances=False, return_indices=True))
    number = np.cumsum(covered.reshape(-1)) - 1
    return number[(rows * covered.shape[1] + columns).reshape(-1)]
