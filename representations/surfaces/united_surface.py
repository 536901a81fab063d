"""The subject as ONE watertight mesh that goes on deforming in its own smooth modes.

After the parts are united the shape has no spheres to hang harmonics on, so it moves in the lowest eigenfunctions of
the mesh's own Laplacian (manifold harmonics, Vallet and Levy 2008): band-limited without seams between parts,

    v = v_0 + P (Phi c)            shared by all photos
    v_i = v + P (Phi c_i)          photo i's own individual

where P makes an offset field mirror symmetric. Coefficients are scaled so that equal steps cost equal roughness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.linalg import eigsh
from torch import Tensor, nn

from ..body.skeleton import Skeleton
from ..body.template import Template
from ..geometry.mesh import SkinnedMesh

_HALF_STEP = 40.0
"""Eigenvalue at which a mode's steps are about 0.7 of the lowest ones'; one wave along the body has about 25."""


class UnitedSurface(nn.Module):
    """A watertight skinned mesh with shared and per-photo smooth offsets. All that it is lies in its `state_dict`."""

    vertices: Tensor
    faces: Tensor
    weights: Tensor
    part: Tensor
    reference: Tensor
    joints: Tensor
    tips: Tensor
    mirror: Tensor
    """Index of each vertex's mirror image, (V,)."""
    basis: Tensor
    stiffness: Tensor
    coefficients: nn.Parameter
    instance_coefficients: nn.Parameter

    def __init__(self, tree: Skeleton, state: Mapping[str, Tensor]) -> None:
        """The surface whose `state_dict` is `state`; `tree` gives the joints' names and parents, not their places."""
        super().__init__()
        self.tree = tree
        for name, value in state.items():
            if name in ("coefficients", "instance_coefficients"):
                self.register_parameter(name, nn.Parameter(value.clone()))
            else:
                self.register_buffer(name, value)

    @staticmethod
    def begin(
        mesh: SkinnedMesh, skeleton: Skeleton, mirror: Int[Tensor, " V"], photo_count: int, *, mode_count: int = 160
    ) -> UnitedSurface:
        """An undeformed surface; `mirror` is each vertex's mirror image (its own index in the sagittal plane)."""
        basis, eigenvalues = manifold_harmonics(mesh.vertices, mesh.faces, mode_count)
        # Rougher modes take smaller steps.
        scale = (1 + eigenvalues / _HALF_STEP).rsqrt()
        zeros = torch.zeros(basis.shape[1], 3, device=basis.device)
        state = {
            **{name: getattr(mesh, name).detach() for name in ("vertices", "faces", "weights", "part", "reference")},
            "joints": skeleton.joints.detach(),
            "tips": skeleton.tips.detach(),
            "mirror": mirror,
            "basis": basis * scale,
            "stiffness": eigenvalues * scale.square(),
            "coefficients": zeros,
            "instance_coefficients": zeros.expand(photo_count, -1, -1),
        }
        return UnitedSurface(skeleton, state)

    @property
    def united(self) -> bool:
        """True: it is one watertight mesh whose faces stay."""
        return True

    @property
    def template(self) -> None:
        """None: there is no way back to a template."""

    def begun(self, template: Template) -> NoReturn:
        """Raises ValueError: there is no way back to a template."""
        raise ValueError(f"build {template.build!r} cannot be begun: the parts have been united")

    def unified(self) -> UnitedSurface:
        """Itself."""
        return self

    def unified_from(self, state: Mapping[str, Tensor]) -> UnitedSurface:
        """The surface on this skeleton whose `state_dict` that is."""
        return UnitedSurface(self.skeleton(), state)

    def set_level(self, level: int) -> None:
        """Changes nothing: the mesh stays."""

    def set_cutoff(self, cutoff: float) -> None:
        """Changes nothing: all modes count."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> UnitedSurface:
        """What `to` comes down to: the tree goes along."""
        super()._apply(fn, recurse)
        self.tree = self.tree.map(fn)
        return self

    def skeleton(self) -> Skeleton:
        """The skeleton the mesh is bound to."""
        return self.tree.with_rest(self.joints, self.tips)

    def shared(self) -> SkinnedMesh:
        """The shape that all photos share."""
        vertices = self.vertices + self._symmetric(self.basis @ self.coefficients)
        return SkinnedMesh(vertices, self.faces, self.weights, self.part, self.reference)

    def instance(self, photos: Int[Tensor, " B"]) -> Float[Tensor, "B V 3"]:
        """Offsets of the photos' own shapes from `shared()`."""
        return self._symmetric(self.basis @ self.instance_coefficients.index_select(0, photos))

    def normalise(self) -> tuple[float, Float[Tensor, 3]]:
        """Brings the shared shape's box to the origin, longest side 1, in place; returns scale and old centre."""
        with torch.no_grad():
            vertices = self.shared().vertices
            low, high = vertices.amin(0), vertices.amax(0)
            scale, centre = 1 / float((high - low).max()), (low + high) / 2
            # The sagittal plane stays where it is.
            centre[0] = 0
            self.vertices = (vertices - centre) * scale
            self.joints, self.tips = (self.joints - centre) * scale, (self.tips - centre) * scale
            self.coefficients.zero_()
            self.instance_coefficients.mul_(scale)
        return scale, centre

    def regularizers(self) -> dict[str, Tensor]:
        """Size and roughness of the shared offsets."""
        shared = self.coefficients.square()
        return {"deformation": shared.sum(), "laplacian": (self.stiffness[:, None] * shared).sum()}

    def individuality(self) -> Float[Tensor, " N"]:
        """Size of each photo's own offsets and, with little weight, their roughness."""
        own = self.instance_coefficients.square()
        return own.sum((1, 2)) + 0.01 * (self.stiffness[:, None] * own).sum((1, 2))

    def parameter_groups(self) -> dict[str, list[tuple[nn.Parameter, str]]]:
        """Parameters by the kind of variable that a stage may free, each with the name of its learning rate."""
        return {
            "deformation": [(self.coefficients, "deformation")],
            "instance": [(self.instance_coefficients, "instance")],
        }

    def _symmetric(self, offset: Float[Tensor, "*B V 3"]) -> Float[Tensor, "*B V 3"]:
        other = offset.index_select(-2, self.mirror) * offset.new_tensor([-1.0, 1.0, 1.0])
        return 0.5 * (offset + other)


def manifold_harmonics(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], count: int
) -> tuple[Float[Tensor, "V K"], Float[Tensor, " K"]]:
    """Lowest eigenfunctions of the cotangent Laplacian and their eigenvalues, the constant one first.

    Each column has unit mean square over the surface, so a coefficient is the root mean square of the motion it makes.
    Negative cotangent weights (obtuse pairs) are clamped. `count` is cut to V - 2 where the mesh has fewer vertices.
    """
    stiffness, area = _cotangent_laplacian(vertices.detach().double().cpu().numpy(), faces.cpu().numpy())
    count = min(count, vertices.shape[0] - 2)
    mass = sparse.diags(area / area.sum())
    start = np.random.default_rng(0).standard_normal(vertices.shape[0])
    # Shift-invert just below zero keeps the factorised matrix positive definite.
    eigenvalues, basis = eigsh(stiffness, k=count, M=mass, sigma=-1e-3, which="LM", v0=start)
    order = np.argsort(eigenvalues)
    basis, eigenvalues = basis[:, order], np.clip(eigenvalues[order], 0, None)
    # Eigenvectors come with an arbitrary sign: make the largest entry positive.
    basis *= np.sign(basis[np.abs(basis).argmax(0), np.arange(count)])
    return torch.from_numpy(basis).to(vertices), torch.from_numpy(eigenvalues).to(vertices)


def _cotangent_laplacian(vertices: np.ndarray, faces: np.ndarray) -> tuple[sparse.csc_array, np.ndarray]:
    """Stiffness matrix (V, V), positive semi-definite, and the barycentric area of each vertex."""
    count = len(vertices)
    rows, columns, values = [], [], []
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    for corner in range(3):
        a, b, c = corners[:, corner], corners[:, (corner + 1) % 3], corners[:, (corner + 2) % 3]
        dot = ((b - a) * (c - a)).sum(1)
        cotangent = np.maximum(dot / np.maximum(2 * area, 1e-20), 1e-3) / 2
        i, j = faces[:, (corner + 1) % 3], faces[:, (corner + 2) % 3]
        rows += [i, j, i, j]
        columns += [j, i, i, j]
        values += [-cotangent, -cotangent, cotangent, cotangent]
    matrix = sparse.coo_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count)
    )
    vertex_area = np.bincount(faces.ravel(), weights=np.repeat(area / 3, 3), minlength=count)
    return matrix.tocsc(), np.maximum(vertex_area, 1e-12)
