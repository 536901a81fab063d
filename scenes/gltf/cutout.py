"""What a material leaves transparent is cut out of the mesh: lashes, leaves and strands of hair painted on cards.

A renderer of surfaces knows only what is there and what is not. Faces that are opaque in parts are split in four again
and again along the border of what is painted, and the transparent ones dropped (opacity is tested against the
material's cutoff, glTF 2.0 Specification, chapter 3.9.4; half transparent counts as the cutoff of what is blended).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Int

from .geometry import Geometry, Morph
from .material import GltfMaterial

_STEPS = 12
"""Points along a face's side at which its opacity is looked up."""
_DEPTH = 4
"""How many times a face is split at most; what then is still mixed is there or not by its greater part."""
_MOST_FACES = 150_000
"""Splitting ends before a mesh has more faces."""


def cut_out(geometry: Geometry, materials: list[GltfMaterial]) -> Geometry:
    """The mesh without what is transparent. It may have no faces left."""
    if not any(materials[number].cutoff is not None for number in np.unique(geometry.material)):
        return geometry
    for _ in range(_DEPTH):
        opaque = _opaque_share(geometry, materials)
        geometry, opaque = _kept(geometry, opaque, opaque > 0)
        mixed = np.flatnonzero(opaque < 1)
        if len(mixed) == 0 or len(geometry.faces) + 3 * len(mixed) > _MOST_FACES:
            break
        geometry = _split(geometry, mixed)
    opaque = _opaque_share(geometry, materials)
    return _kept(geometry, opaque, opaque >= 0.5)[0]


def _kept(geometry: Geometry, opaque: np.ndarray, keep: Bool[np.ndarray, " F"]) -> tuple[Geometry, np.ndarray]:
    return (geometry, opaque) if keep.all() else (geometry.select_faces(keep), opaque[keep])


def _opaque_share(geometry: Geometry, materials: list[GltfMaterial]) -> np.ndarray:
    """Share of each face (F,) that is there."""
    share = np.ones(len(geometry.faces))
    row, column = np.meshgrid(np.arange(_STEPS), np.arange(_STEPS), indexing="ij")
    inside = row + column < _STEPS
    first, second = (row[inside] + 1 / 3) / _STEPS, (column[inside] + 1 / 3) / _STEPS
    weights = torch.from_numpy(np.stack([1 - first - second, first, second], axis=1)).float()
    for number, material in enumerate(materials):
        faces = np.flatnonzero(geometry.material == number)
        if material.cutoff is None or len(faces) == 0:
            continue
        uv = torch.einsum("pc,fcud->fpud", weights, torch.from_numpy(geometry.uv[faces])).flatten(0, 1)
        colour = torch.einsum("pc,fcd->fpd", weights, torch.from_numpy(geometry.colour[faces]))
        opacity = material.sample(uv, colour.reshape(-1, 4))[:, 3].reshape(len(faces), -1)
        share[faces] = (opacity >= material.cutoff).double().mean(dim=1).numpy()
    return share


def _split(geometry: Geometry, which: Int[np.ndarray, " S"]) -> Geometry:
    """Some faces split in four at the middles of their sides; faces that share a side share its middle."""
    faces = geometry.faces[which]
    sides = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    ends, index = np.unique(sides, axis=0, return_inverse=True)
    stay = np.setdiff1d(np.arange(len(geometry.faces)), which)

    def between(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, (values[ends[:, 0]] + values[ends[:, 1]]) / 2])

    def corners(values: np.ndarray) -> np.ndarray:
        at = values[which]
        return np.concatenate([values[stay], _quarters(at, (at + np.roll(at, -1, axis=1)) / 2)])

    middles = len(geometry.vertices) + index.reshape(-1, 3)
    return replace(
        geometry,
        vertices=between(geometry.vertices),
        weights=between(geometry.weights),
        morphs=tuple(Morph(m.node, m.target, m.weight, between(m.offsets)) for m in geometry.morphs),
        mesh_node=np.concatenate([geometry.mesh_node, geometry.mesh_node[ends[:, 0]]]),
        skin=np.concatenate([geometry.skin, geometry.skin[ends[:, 0]]]),
        faces=np.concatenate([geometry.faces[stay], _quarters(faces, middles)]),
        material=np.concatenate([geometry.material[stay], *[geometry.material[which]] * 4]),
        uv=corners(geometry.uv),
        colour=corners(geometry.colour),
    )


def _quarters(corners: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """The four parts (4 S, 3, ...) of faces with these corners and middles of sides (S, 3, ...)."""
    a, b, c = np.moveaxis(corners, 1, 0)
    ab, bc, ca = np.moveaxis(middles, 1, 0)
    return np.concatenate([np.stack(part, 1) for part in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
