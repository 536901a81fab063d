"""How thick a subject is: the measure that a billboard fails, however well its silhouettes fit.

    thickness = diameter of the largest sphere inside the mesh / height of the mesh

The largest inscribed sphere sits in the trunk of any animal, so no trunk has to be found, and no turn of a flat
subject makes it look thick. A sheet of thickness t scores t / height, an ellipsoid its shortest axis / height.

The sphere is found by shrinking balls (Ma, Bae and Choi 2012, 3D medial axis point approximation): the ball that
touches the surface from inside at a point p with outward normal n and passes through a second surface point q has

    r = |p - q|^2 / (2 n . (p - q)),

and starting large, r is lowered until the ball holds no surface. The best of many such balls is then moved uphill in
the exact distance to the surface. Every step is shorter than that distance, so the centre never leaves the inside.
"""

from __future__ import annotations

import numpy as np
import trimesh
from jaxtyping import Float, Integer

from ...representations.geometry.signed_distance import closest_points

_SAMPLES = 1000
_AT_ONCE = 20
_ROUNDS = 40


def thickness(vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"]) -> float:
    """Diameter of the largest inscribed sphere in parts of the mesh's height (its extent in y).

    Raises ValueError unless the mesh is closed, consistently wound and turned outward, since only then it has an
    inside, and where it has no height.
    """
    _, radius = largest_inscribed_sphere(vertices, faces)
    height = float(np.ptp(vertices[np.unique(faces), 1]))
    if not height > 0:
        raise ValueError("the mesh has no height (all its vertices have the same y)")
    return 2 * radius / height


def largest_inscribed_sphere(
    vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, " 3"], float]:
    """Centre and radius of the largest sphere inside a closed mesh; the radius is at most about 1 % too small.

    Raises ValueError as `thickness` does.
    """
    vertices, faces = vertices.astype(np.float64), faces.astype(np.int64)
    _require_inside(vertices, faces)
    points, normals = _surface_points(vertices, faces)
    size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    radii = np.full(len(points), size)
    growing = np.arange(len(points))
    for _ in range(_ROUNDS):
        centres = points[growing] - radii[growing, None] * normals[growing]
        face, barycentric, distance = closest_points(centres, vertices, faces)
        holds_surface = distance < radii[growing] * (1 - 1e-6)
        growing, face, barycentric = growing[holds_surface], face[holds_surface], barycentric[holds_surface]
        if len(growing) == 0:
            break
        nearest = np.einsum("mk,mkd->md", barycentric, vertices[faces[face]])
        apart = points[growing] - nearest
        depth = np.einsum("md,md->m", normals[growing], apart)
        # Points on p's own face are closest only to balls that rounding keeps from ending; those are done.
        touching = depth <= 1e-12 * size
        smaller = np.einsum("md,md->m", apart, apart) / (2 * np.where(touching, 1, depth))
        radii[growing] = np.where(touching, radii[growing], np.minimum(smaller, radii[growing]))
        growing = growing[~touching]
    # Balls that still hold surface when the rounds are over are no inscribed spheres.
    radii[growing] = 0.0
    # Where the surface is folded through itself, its inward side looks out into the open: such balls do not count.
    for candidates in np.argsort(-radii, kind="stable").reshape(-1, _AT_ONCE):
        centres = points[candidates] - radii[candidates, None] * normals[candidates]
        inside = _winding_numbers(centres, vertices, faces) > 0.5
        if inside.any():
            return _climb(centres[inside.argmax()], vertices, faces)
    raise ValueError(
        f"no point inside the mesh of {len(faces)} faces was found; it is folded through itself, repair it"
    )


def _climb(
    centre: Float[np.ndarray, " 3"], vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, " 3"], float]:
    """The nearest local maximum of the distance to the surface, by compass search from a point inside."""
    steps = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    steps /= np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1)
    radius = float(closest_points(centre[None], vertices, faces)[2][0])
    stride, first = 0.3 * radius, radius
    while stride > 1e-3 * first:
        tried = centre + stride * steps
        distance = closest_points(tried, vertices, faces)[2]
        best = int(distance.argmax())
        if distance[best] > radius:
            centre, radius = tried[best], float(distance[best])
        else:
            stride /= 2
    return centre, radius


def _winding_numbers(
    points: Float[np.ndarray, "M 3"], vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"]
) -> Float[np.ndarray, " M"]:
    """How often the surface goes round each point: 0 outside, 1 inside. Sum of the faces' solid angles over 4 pi.

    Van Oosterom and Strackee 1983: tan(angle / 2) = a . (b x c) / (|a||b||c| + (a . b)|c| + (b . c)|a| + (c . a)|b|).
    """
    a, b, c = (vertices[faces[:, corner]][None] - points[:, None] for corner in range(3))
    length_a, length_b, length_c = (np.linalg.norm(edge, axis=-1) for edge in (a, b, c))
    volume = np.einsum("mfd,mfd->mf", a, np.cross(b, c))
    divisor = length_a * length_b * length_c
    divisor += np.einsum("mfd,mfd->mf", a, b) * length_c
    divisor += np.einsum("mfd,mfd->mf", b, c) * length_a
    divisor += np.einsum("mfd,mfd->mf", c, a) * length_b
    return np.arctan2(volume, divisor).sum(axis=1) / (2 * np.pi)


def _surface_points(
    vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"]]:
    """Points spread evenly by area, the same ones each time, and the outward unit normals of their faces."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled_area = np.linalg.norm(cross, axis=1)
    generator = np.random.default_rng(0)
    chosen = generator.choice(len(faces), _SAMPLES, p=doubled_area / doubled_area.sum())
    weights = generator.dirichlet((1, 1, 1), _SAMPLES)
    return np.einsum("mk,mkd->md", weights, corners[chosen]), cross[chosen] / doubled_area[chosen, None]


def _require_inside(vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"]) -> None:
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    if len(faces) == 0 or not mesh.is_watertight:
        raise ValueError(f"the mesh of {len(faces)} faces is not closed, so it has no inside; unite or repair it first")
    if not mesh.is_winding_consistent or mesh.volume <= 0:
        raise ValueError(f"the mesh is not turned outward throughout (volume {mesh.volume:.3g}); repair its winding")
