"""Photos painted back onto the fitted surface: one shared texture, and one for each photo.

For every texel of the atlas and every photo: where is it seen, is it in front, how squarely does it face the camera,
how far inside the mask does it lie? The shared colour is the mean over photos with these weights, repeated with less
weight for photos that disagree (iteratively reweighted least squares with a Cauchy weight), left and right seen as
one where only one side is known. Texels that no photo shows take the smoothest continuation over the surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.linalg import factorized
from torch import Tensor

from ..representations.atlas import Atlas, dilate, texel_positions
from ..representations.camera import Camera, Intrinsics, project, to_pixels
from ..representations.mesh import edges, face_normals
from ..representations.rendering.fragment import rasterize

_DEPTH_TOLERANCE = 0.02
"""A texel is hidden if it lies further behind the visible surface than this (rest frame units, subject about 1)."""
_FAR = 1e3
_GRAZING_POWER = 2.0
_CAUCHY = 0.12
"""Colour distance at which a photo's weight is halved in the robust mean."""
_MIRROR_SHARE = 0.15
"""What the other side's colours count beside a texel's own."""


@dataclass(frozen=True)
class Textures:
    """Textures on one atlas, sRGB-encoded, in [0, 1]."""

    shared: Float[Tensor, "R R 3"]
    own: Float[Tensor, "N R R 3"]
    """Each photo's own colours where it shows the surface, passing into the shared ones where it does not."""
    seen: Float[Tensor, "R R"]
    """Evidence for the shared colour: summed weights of all photos."""


def backproject(
    faces: Int[Tensor, "F 3"],
    mirror: Int[Tensor, " V"],
    atlas: Atlas,
    resolution: int,
    vertices: Float[Tensor, "N V 3"],
    camera: Camera,
    intrinsics: Intrinsics,
    pixels: Float[Tensor, "N S S 3"],
    mask: Float[Tensor, "N S S"],
) -> Textures:
    """Textures from N photos of the posed `vertices`; no gradients."""
    with torch.no_grad():
        face_map, bary_map = texel_positions(atlas.uv, atlas.uv_faces, resolution)
        covered = face_map >= 0
        face, bary = face_map[covered], bary_map[covered]
        colors, weights = [], []
        for photo in range(len(vertices)):
            one = slice(photo, photo + 1)
            color, weight = _look_up(
                vertices[one], faces, face, bary, camera.select(one), intrinsics.select(one), pixels[one], mask[one]
            )
            colors.append(color)
            weights.append(weight)
        color, weight = torch.stack(colors), torch.stack(weights)
        shared, evidence = _robust_mean(color, weight)
        shared = _with_other_side(shared, evidence, faces, face, bary, mirror, face_map, atlas, resolution)
        shared = _continued(shared, evidence, faces, face, bary, vertices.shape[1])
        # A texel that the photo sees well shows the photo; the passage is smooth in the weight.
        trust = (weight / (weight + 0.1))[..., None]
        own = trust * color + (1 - trust) * shared

        def picture(values: Tensor) -> Tensor:
            full = values.new_zeros(resolution, resolution, 3)
            full[covered] = values
            return dilate(full, covered)

        seen = evidence.new_zeros(resolution, resolution)
        seen[covered] = evidence
        return Textures(picture(shared), torch.stack([picture(values) for values in own]), seen)


def _look_up(
    vertices: Float[Tensor, "1 V 3"],
    faces: Int[Tensor, "F 3"],
    face: Int[Tensor, " T"],
    bary: Float[Tensor, "T 3"],
    camera: Camera,
    intrinsics: Intrinsics,
    pixels: Float[Tensor, "1 S S 3"],
    mask: Float[Tensor, "1 S S"],
) -> tuple[Float[Tensor, "T 3"], Float[Tensor, " T"]]:
    """Colour and weight that one photo gives each texel."""
    size = mask.shape[1]
    corners = vertices[0].index_select(0, faces.index_select(0, face).reshape(-1)).reshape(-1, 3, 3)
    points = (corners * bary[..., None]).sum(1)
    clip = project(vertices, camera, intrinsics)
    fragments = rasterize(clip, faces, (size, size))
    at = project(points[None], camera, intrinsics)
    grid = (to_pixels(at, size, size) / size * 2 - 1)[:, None]
    # The farthest surface of the four pixels round the place: a texel at an edge is not hidden by its neighbour.
    depth = torch.nn.functional.max_pool2d(fragments.depth.clamp_max(_FAR)[:, None], 3, stride=1, padding=1)
    nearest = torch.nn.functional.grid_sample(depth, grid, mode="nearest", align_corners=False)[0, 0, 0]
    in_front = at[0, :, 3] < nearest + _DEPTH_TOLERANCE
    normal = torch.nn.functional.normalize(face_normals(vertices[0], faces), dim=-1).index_select(0, face)
    centre = camera.world_from_camera()[0, :3, 3]
    facing = (normal * torch.nn.functional.normalize(centre - points, dim=-1)).sum(-1).clamp_min(0)
    # Inside the mask's border by about a pixel: border pixels are mixed with the background.
    inner = -torch.nn.functional.max_pool2d(-mask[:, None], 3, stride=1, padding=1)
    channels = torch.cat([pixels.permute(0, 3, 1, 2), inner], dim=1)
    looked_up = torch.nn.functional.grid_sample(channels, grid, align_corners=False)[0, :, 0].T
    weight = in_front * facing**_GRAZING_POWER * ((looked_up[:, 3] - 0.5) * 2).clamp(0, 1)
    return looked_up[:, :3], weight


def _robust_mean(
    color: Float[Tensor, "N T 3"], weight: Float[Tensor, "N T"], rounds: int = 5
) -> tuple[Float[Tensor, "T 3"], Float[Tensor, " T"]]:
    trusted = weight
    for _ in range(rounds):
        total = trusted.sum(0).clamp_min(1e-8)
        mean = (color * trusted[..., None]).sum(0) / total[:, None]
        distance = (color - mean).square().sum(-1)
        trusted = weight / (1 + distance / _CAUCHY**2)
    return mean, trusted.sum(0)


def _with_other_side(
    color: Float[Tensor, "T 3"],
    evidence: Float[Tensor, " T"],
    faces: Int[Tensor, "F 3"],
    face: Int[Tensor, " T"],
    bary: Float[Tensor, "T 3"],
    mirror: Int[Tensor, " V"],
    face_map: Int[Tensor, "R R"],
    atlas: Atlas,
    resolution: int,
) -> Float[Tensor, "T 3"]:
    """Colours mixed with those at the mirror image of each texel, which decide where the texel itself is not seen."""
    twin_face, twin_corner = _mirrored_faces(faces, mirror)
    corners = atlas.uv_faces.index_select(0, twin_face.index_select(0, face))
    corners = corners.gather(1, twin_corner.index_select(0, face))
    place = (atlas.uv.index_select(0, corners.reshape(-1)).reshape(-1, 3, 2) * bary[..., None]).sum(1)
    covered = face_map >= 0
    picture = color.new_zeros(resolution, resolution, 4)
    picture[covered] = torch.cat([color, torch.ones_like(evidence)[:, None]], dim=1) * evidence[:, None]
    grid = (place * 2 - 1)[None, None]
    other = torch.nn.functional.grid_sample(picture.permute(2, 0, 1)[None], grid, align_corners=False)[0, :, 0].T
    other_evidence = other[:, 3]
    other_color = other[:, :3] / other_evidence[:, None].clamp_min(1e-6)
    share = _MIRROR_SHARE * other_evidence
    mixed = (color * evidence[:, None] + other_color * share[:, None]) / (evidence + share).clamp_min(1e-8)[:, None]
    evidence += share
    return mixed


def _mirrored_faces(
    faces: Int[Tensor, "F 3"], mirror: Int[Tensor, " V"]
) -> tuple[Int[Tensor, " F"], Int[Tensor, "F 3"]]:
    """For each face its mirror image's index, and for each of its corners the corner of the image it falls on."""
    image = mirror[faces]
    sorted_image, order_image = image.sort(dim=1)
    sorted_faces, order_faces = faces.sort(dim=1)
    count = int(faces.max()) + 1
    weights = torch.tensor([count * count, count, 1], device=faces.device)
    key, wanted = (sorted_faces * weights).sum(1), (sorted_image * weights).sum(1)
    ranked, order = key.sort()
    index = order[torch.searchsorted(ranked, wanted).clamp_max(len(order) - 1)]
    if not bool((key[index] == wanted).all()):
        raise ValueError("the mesh is not mirror symmetric: some face has no mirror image")
    corner = torch.zeros_like(faces)
    corner.scatter_(1, order_image, order_faces[index])
    return index, corner


def _continued(
    color: Float[Tensor, "T 3"],
    evidence: Float[Tensor, " T"],
    faces: Int[Tensor, "F 3"],
    face: Int[Tensor, " T"],
    bary: Float[Tensor, "T 3"],
    vertex_count: int,
) -> Float[Tensor, "T 3"]:
    """Where there is no evidence, the membrane over the surface that meets the known colours (a screened Laplacian)."""
    corners = faces.index_select(0, face).cpu().numpy()
    share = (bary * evidence[:, None]).cpu().double().numpy()
    known = np.bincount(corners.ravel(), weights=share.ravel(), minlength=vertex_count)
    target = np.stack(
        [
            np.bincount(
                corners.ravel(),
                weights=(share * color[:, k, None].cpu().double().numpy()).ravel(),
                minlength=vertex_count,
            )
            for k in range(3)
        ],
        axis=1,
    )
    pairs = edges(faces).cpu().numpy()
    ones = np.ones(len(pairs))
    adjacency = sparse.coo_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(vertex_count, vertex_count))
    adjacency = adjacency + adjacency.T
    laplacian = sparse.diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency
    # A trace of the mean colour keeps the system regular where nothing at all is known.
    floor = 1e-6
    mean = target.sum(0) / max(known.sum(), 1e-12) if known.sum() > 0 else np.full(3, 0.5)
    solve = factorized((sparse.diags(known + floor) + 0.01 * laplacian).tocsc())
    smooth = np.stack([solve(target[:, k] + floor * mean[k]) for k in range(3)], axis=1)
    vertex_color = torch.from_numpy(smooth).to(color).clamp(0, 1)
    corner_color = vertex_color.index_select(0, faces.index_select(0, face).reshape(-1)).reshape(-1, 3, 3)
    fill = (corner_color * bary[..., None]).sum(1)
    trust = (evidence / (evidence + 0.02))[:, None]
    return (trust * color + (1 - trust) * fill).clamp(0, 1)
