"""A signed distance grid drawn through marching cubes: the plain second case of the `Surface` protocol.

The parameters are the distances at D x H x W grid points. Vertices are their zero crossings on grid edges,
differentiable in the values; which edges are crossed (the topology) is found by `extract` and stays until it is called
again. The subject is static: all skin weights lie on joint 0. Each photo may add offsets from a coarse grid of its own.

`SdfSurface.of` makes one of a template: it can be fitted, unified, animated (as a whole) and exported
like part surfaces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from scipy.spatial import KDTree
from torch import Tensor, nn

from ..body.skeleton import Skeleton
from ..body.template import Template
from ..geometry.marching import crossings, isosurface
from ..geometry.mesh import SkinnedMesh
from ..geometry.signed_distance import Grid, mesh_distance
from ..geometry.unite import mesh_grid, unite
from .part_surface import PartSurfaces
from .template_surface import TemplateSurface
from .united_surface import UnitedSurface

Chart = Callable[[Float[Tensor, "V 3"]], tuple[Int[Tensor, " V"], Float[Tensor, "V 3"]]]
"""From rest positions to body parts and reference coordinates."""

_MARGIN = 3
_OFFSET_POINTS = 6
_FIRST_RESOLUTION = 72
_UNIFIED_FACES = 10_000


class SdfSurface(TemplateSurface):
    """The zero level set of a grid of signed distances, negative inside, with offsets for `photo_count` photos."""

    low: Tensor
    edges: Tensor
    faces: Tensor
    _border: Tensor

    def __init__(
        self,
        values: Float[Tensor, "D H W"],
        low: Float[Tensor, " 3"],
        spacing: float,
        *,
        photo_count: int = 0,
        joint_count: int = 1,
        chart: Chart | None = None,
        template: Template | None = None,
    ) -> None:
        """`values` [z, y, x] are distances at `low + spacing * (x, y, z)`; without `chart` parts and references are 0.

        `template`: whose skeleton it is bound to; its joints count, whatever `joint_count` says.

        Raises ValueError for a grid thinner than four points, or without a zero crossing.
        """
        super().__init__()
        if min(values.shape) < 4 or spacing <= 0:
            raise ValueError(f"the grid is {tuple(values.shape)} points, {spacing} apart; it needs 4 or more each way")
        self.spacing = float(spacing)
        self.joint_count = joint_count if template is None else len(template.skeleton)
        self.chart = chart
        self.template = template
        self.values = nn.Parameter(values.detach().clone())
        count = _OFFSET_POINTS
        self.offsets = nn.Parameter(values.new_zeros(photo_count, 3, count, count, count))
        """Offsets (x, y, z) of each photo at points spread evenly over the box, zero at first."""
        border = torch.ones(values.shape, dtype=torch.bool, device=values.device)
        border[1:-1, 1:-1, 1:-1] = False
        self.register_buffer("_border", border, persistent=False)
        self.register_buffer("low", low.detach().clone())
        self.register_buffer("edges", torch.zeros(0, 2, dtype=torch.int64))
        self.register_buffer("faces", torch.zeros(0, 3, dtype=torch.int64))
        self.extract()

    @staticmethod
    def ellipsoid(radii: Sequence[float], *, resolution: int = 48, **options: Any) -> SdfSurface:
        """An ellipsoid about the origin, `resolution` grid points along its longest side; `options` as the class has.

        The values are |x / r| (|x / r| - 1) / |x / r^2|: the distance to first order, exact for a sphere.
        """
        radius = torch.tensor([float(r) for r in radii])
        if radius.shape != (3,) or bool((radius <= 0).any()):
            raise ValueError(f"an ellipsoid has three positive radii, found {tuple(radii)}")
        spacing = 2 * float(radius.max()) / (resolution - 1 - 2 * _MARGIN)
        half = torch.ceil(radius / spacing).long() + _MARGIN
        x, y, z = (spacing * torch.arange(-int(n), int(n) + 1) for n in half)
        points = torch.stack(torch.meshgrid(z, y, x, indexing="ij")[::-1], dim=-1)
        scaled = torch.linalg.vector_norm(points / radius, dim=-1)
        slope = torch.linalg.vector_norm(points / radius**2, dim=-1)
        values = torch.where(slope > 0, scaled * (scaled - 1) / slope.clamp_min(1e-12), -radius.min())
        return SdfSurface(values, -spacing * half, spacing, **options)

    @staticmethod
    def of(template: Template, photo_count: int, *, resolution: int = _FIRST_RESOLUTION) -> SdfSurface:
        """The template's parts as one body, its grid symmetric about the plane x = 0."""
        parts = PartSurfaces(template.to("cpu"), 1, level=2)
        with torch.no_grad():
            whole = unite(parts.shared(), parts.piece, target_faces=4000, resolution=100, symmetric=True).mesh
        return SdfSurface.from_mesh(
            whole.vertices,
            whole.faces,
            resolution=resolution,
            symmetric=True,
            photo_count=photo_count,
            chart=_nearest(whole),
            template=template,
        ).to(template.radius.device)

    @staticmethod
    def from_mesh(
        vertices: Float[Tensor, "V 3"],
        faces: Int[Tensor, "F 3"],
        *,
        resolution: int = 64,
        symmetric: bool = False,
        **options: Any,
    ) -> SdfSurface:
        """The distances of a closed mesh, `resolution` grid points along its longest side; `options` as the class has.

        Exact within three grid spacings of the mesh, farther away an upper bound that is close to it. `symmetric`: the
        grid is symmetric about the plane x = 0, on which points lie.
        """
        points = vertices.detach().cpu().double().numpy()
        low, high = points.min(axis=0), points.max(axis=0)
        spacing = float((high - low).max()) / (resolution - 1 - 2 * _MARGIN)
        low = low - _MARGIN * spacing
        width, height, depth = (int(n) for n in np.ceil((high - low) / spacing) + 1 + _MARGIN)
        if symmetric:
            half = math.ceil(float(np.abs(points[:, 0]).max()) / spacing) + _MARGIN
            low[0], width = -half * spacing, 2 * half + 1
        triangles = faces.cpu().numpy().astype(np.int64)
        distance, nearest = mesh_distance(points, triangles, low, spacing, (depth, height, width), 3 * spacing)
        far, index = ndimage.distance_transform_edt(nearest < 0, return_indices=True)  # pyright: ignore
        within = np.abs(distance[tuple(index)])
        values = np.where(distance < 0, -1.0, 1.0) * (within + spacing * far)
        grid = torch.from_numpy(values).to(vertices)
        return SdfSurface(grid, torch.from_numpy(low).to(vertices), spacing, **options)

    def extract(self) -> None:
        """Finds anew which grid edges the surface crosses. Call it now and then while values move, then leave it.

        Raises ValueError where nothing is inside any more.
        """
        surface = isosurface(self._closed())
        if surface.faces.shape[0] == 0:
            raise ValueError(
                "the signed distances have no zero crossing: the surface has vanished; lower its step size"
            )
        self.edges, self.faces = surface.edges, surface.faces

    def shared(self) -> SkinnedMesh:
        """The rest mesh, differentiable in the values. Vertices whose edge is no longer crossed rest at its end."""
        vertices = crossings(self._closed(), self.edges, self.low, self.spacing)
        return self._bound(vertices, self.faces)

    def instance(self, photos: Int[Tensor, " B"]) -> Float[Tensor, "B V 3"]:
        """Offsets of the photos' own shapes, smooth over the box."""
        with torch.no_grad():
            points = crossings(self._closed(), self.edges, self.low, self.spacing)
            extent = self.spacing * (points.new_tensor(self.values.shape[::-1]) - 1)
            place = (points - self.low) / extent * (_OFFSET_POINTS - 1)
        chosen = self.offsets.index_select(0, photos)
        return _trilinear(chosen.flatten(0, 1), place).reshape(len(photos), 3, -1).transpose(1, 2)

    def field(self, points: Float[Tensor, "M 3"]) -> Float[Tensor, " M"]:
        """Signed distance at rest-frame points, trilinear; outside the box the border's value plus the way there."""
        place = (points - self.low) / self.spacing
        limit = place.new_tensor(self.values.shape[::-1]) - 1
        within = torch.minimum(place.clamp_min(0), limit)
        away = (place - within).square().sum(-1)
        # The square root has no gradient at zero, where all points inside the box are.
        beyond = torch.where(away > 0, away, torch.ones_like(away)).sqrt() * (away > 0)
        return _trilinear(self._closed()[None], within)[0] + self.spacing * beyond

    def regularizers(self) -> dict[str, Tensor]:
        """`eikonal`: squared error of the gradient's length; `smoothness`: squared Laplacian in grid spacings."""
        values = self._closed() / self.spacing
        squared = values.new_zeros(())
        laplacian = values.new_zeros(())
        for axis in range(3):
            step = values.diff(dim=axis)
            bend = step.diff(dim=axis)
            for other in range(3):
                if other != axis:
                    inner = values.shape[other] - 2
                    step = 0.5 * (step.narrow(other, 0, inner + 1) + step.narrow(other, 1, inner + 1))
                    bend = bend.narrow(other, 1, inner)
            squared = squared + step.square()
            laplacian = laplacian + bend
        length = (squared + 1e-12).sqrt()
        return {"eikonal": (length - 1).square().mean(), "smoothness": laplacian.square().mean()}

    def individuality(self) -> Float[Tensor, " N"]:
        """Mean squared offsets of each photo, and their steps from point to point."""
        every = (1, 2, 3, 4)
        steps = [self.offsets.diff(dim=axis).square().mean(every) for axis in (2, 3, 4)]
        return self.offsets.square().mean(every) + torch.stack(steps).sum(0)

    def parameter_groups(self) -> dict[str, list[tuple[nn.Parameter, str]]]:
        """Parameters by the kind of variable that a stage may free, each with the name of its learning rate."""
        return {"deformation": [(self.values, "distance_field")], "instance": [(self.offsets, "instance")]}

    @property
    def instance_coefficients(self) -> nn.Parameter:
        """The photos' offsets."""
        return self.offsets

    @property
    def mirror(self) -> Int[Tensor, " V"]:
        """Each vertex's own index: edges are crossed wherever the surface is, on either side."""
        return torch.arange(len(self.edges), device=self.edges.device)

    def skeleton(self) -> Skeleton:
        """The template's, at rest. Raises ValueError for a surface that was made without one."""
        if self.template is None:
            raise ValueError("the surface has no skeleton; make it of a template (SdfSurface.of)")
        return self.template.skeleton

    def set_level(self, level: int) -> None:
        """Finds the topology anew; the grid stays as fine as it is."""
        self.extract()

    def set_cutoff(self, cutoff: float) -> None:
        """Changes nothing: the grid holds all frequencies that it can."""

    def begun(self, template: Template) -> SdfSurface:
        """The body of another template, untouched."""
        return SdfSurface.of(template.to(self.low.device), len(self.offsets))

    def unified(self) -> UnitedSurface:
        """The surface as it stands, made mirror symmetric, as one mesh of about 10,000 faces; crumbs are left out.

        Raises ValueError for a grid that is not symmetric about the plane x = 0.
        """
        half = self.values.shape[2] // 2
        if self.values.shape[2] % 2 == 0 or abs(float(self.low[0]) + half * self.spacing) > 1e-4 * self.spacing:
            raise ValueError("the grid is not symmetric about the plane x = 0; make the surface with symmetric=True")
        with torch.no_grad():
            closed = self._closed()
            values = 0.5 * (closed + closed.flip(2))[:, :, half:].double().cpu().numpy()
            low = self.low.double().cpu().numpy() * [0.0, 1.0, 1.0]
            values = np.where(_largest(values < 0), values, np.abs(values).clip(1e-3 * self.spacing))
            vertices, faces, mirror = mesh_grid(Grid(values, low, self.spacing), _UNIFIED_FACES, half=True)
            assert mirror is not None
            placed = torch.from_numpy(vertices).to(self.low)
            mesh = self._bound(placed, torch.from_numpy(faces).to(self.faces))
            partner = torch.from_numpy(mirror).to(self.faces)
            return UnitedSurface.begin(mesh, self.skeleton(), partner, len(self.offsets)).to(self.low.device)

    def _bound(self, vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> SkinnedMesh:
        """A mesh of this surface on its skeleton: all of it moves with the root."""
        count = vertices.shape[0]
        weights = vertices.new_zeros(count, self.joint_count)
        weights[:, 0] = 1
        if self.chart is None:
            part, reference = faces.new_zeros(count), torch.zeros_like(vertices).detach()
        else:
            part, reference = self.chart(vertices.detach())
        return SkinnedMesh(vertices, faces, weights, part, reference)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SdfSurface:
        """What `to` comes down to: the template goes along."""
        super()._apply(fn, recurse)
        self.template = None if self.template is None else self.template.map(fn)
        return self

    def _closed(self) -> Float[Tensor, "D H W"]:
        """The values with the box's border kept outside, so that the surface is closed."""
        return torch.where(self._border, self.values.clamp_min(1e-3 * self.spacing), self.values)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # The topology is part of the state, and its size differs from the present one's.
        for name in ("edges", "faces"):
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name], device=self.values.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _largest(inside: Bool[np.ndarray, "D H W"]) -> Bool[np.ndarray, "D H W"]:
    """The largest connected body of grid points."""
    label, count = ndimage.label(inside)  # pyright: ignore
    return label == 1 + int(np.bincount(label.ravel(), minlength=count + 1)[1:].argmax())


def _nearest(mesh: SkinnedMesh) -> Chart:
    """Parts and reference coordinates of the mesh's nearest vertices."""
    tree = KDTree(mesh.vertices.double().cpu().numpy())

    def chart(points: Float[Tensor, "V 3"]) -> tuple[Int[Tensor, " V"], Float[Tensor, "V 3"]]:
        index = torch.from_numpy(tree.query(points.double().cpu().numpy())[1])
        part, reference = mesh.part.cpu()[index], mesh.reference.detach().cpu()[index]
        return part.to(points.device), reference.to(points)

    return chart


def _trilinear(grid: Float[Tensor, "C D H W"], place: Float[Tensor, "M 3"]) -> Float[Tensor, "C M"]:
    """Values at places (x, y, z) counted in grid points; twice differentiable, unlike torch's grid_sample."""
    depth, height, width = grid.shape[1:]
    limit = torch.tensor([width, height, depth], device=place.device) - 2
    base = torch.minimum(place.detach().floor().long().clamp_min(0), limit)
    u, v, w = (place - base).unbind(-1)
    flat = grid.flatten(1)
    start = base[:, 0] + width * (base[:, 1] + height * base[:, 2])
    total = flat.new_zeros(())
    for corner in range(8):
        dx, dy, dz = corner & 1, corner >> 1 & 1, corner >> 2
        share = (u if dx else 1 - u) * (v if dy else 1 - v) * (w if dz else 1 - w)
        total = total + share * flat.index_select(1, start + dx + width * (dy + height * dz))
    return total
