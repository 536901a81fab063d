"""Photos painted back onto the fitted surface: one shared texture, and one for each photo.

For every texel of the atlas and every photo: where is it seen, is it in front, how squarely does it face the camera,
how far inside the mask does it lie? Its colour is freed of the photo's light, where that is known. The shared colour is
the mean over photos with these weights, repeated with less weight for photos that disagree (iteratively reweighted
least squares with a Cauchy weight), left and right seen as one where only one side is known. Texels that no photo shows
take the smoothest continuation over the surface.

Seams are where one photo ends and the others go on, in colours a little off. So before the mean is taken each photo is
brought to the others by a smooth offset, a membrane over its differences to them; gradients stay the photo's own
(Perez et al., Poisson Image Editing, SIGGRAPH 2003, with the membrane in its closed form). A photo's own texture keeps
its colours where it shows the surface; beyond, the shared ones are offset by the same membrane, which fades.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.atlas import Atlas, dilate, texel_positions
from ...representations.camera import Camera, Intrinsics, project, to_pixels
from ...representations.geometry.mesh import edges, face_normals, vertex_normals
from ...representations.rendering.fragment import rasterize
from ...representations.rendering.photo_light import PhotoLight
from ...representations.rendering.shading import linear_from_srgb, srgb_from_linear
from ...representations.tensor_structure import TensorStructure
from .laplacian_fill import Membrane

_DEPTH_TOLERANCE = 0.02
"""A texel is hidden if it lies further behind the visible surface than this (rest frame units, subject about 1)."""
_FAR = 1e3
_GRAZING_POWER = 2.0
_CAUCHY = 0.12
"""Colour distance at which a photo's weight is halved in the robust mean."""
_OFFSET_STIFFNESS = 0.3
"""Of the membrane of a photo's offset, in texels per vertex."""
_OFFSET_ROUNDS = 2
_OFFSET_REACH = 0.08
"""Length over which it fades beyond what the photo shows (rest frame units)."""
_MIRROR_SHARE = 0.15
"""What the other side's colours count beside a texel's own."""


class Textures(TensorStructure):
    """Textures on one atlas, sRGB-encoded, in [0, 1]."""

    shared: Float[Tensor, "R R 3"]
    own: Float[Tensor, "N R R 3"]
    """Each photo's own colours where it shows the surface, passing into the shared ones where it does not."""
    trust: Float[Tensor, "N R R"]
    """Share of a photo's own colours in what it wears."""
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
    light: PhotoLight | None = None,
) -> Textures:
    """Textures from N photos of the posed `vertices`; no gradients.

    `light`: that of the N photos, which textures are to be free of; None leaves it in.
    """
    with torch.no_grad():
        face_map, bary_map = texel_positions(atlas.uv, atlas.uv_faces, resolution)
        covered = face_map >= 0
        face, bary = face_map[covered], bary_map[covered]
        colors, weights = [], []
        for photo in range(len(vertices)):
            one = slice(photo, photo + 1)
            color, weight = seen_by_texels(
                vertices[one], faces, face, bary, camera.select(one), intrinsics.select(one), pixels[one], mask[one]
            )
            if light is not None:
                normals = _normals(vertices[photo], faces, face, bary) @ camera.select(one).rotation()[0].T
                lit = light.on(normals, torch.full_like(face, photo))
                color = srgb_from_linear(linear_from_srgb(color) / lit).clamp(0, 1)
            colors.append(color)
            weights.append(weight)
        color, weight = torch.stack(colors), torch.stack(weights)
        membrane = Membrane(faces, vertices.shape[1], face, bary)
        fading = (_edge_length(vertices[0], faces) / _OFFSET_REACH) ** 2

        def share(colors: Tensor) -> tuple[Tensor, Tensor]:
            mean, evidence = _robust_mean(colors, weight)
            mean, evidence = _with_other_side(mean, evidence, faces, face, bary, mirror, face_map, atlas, resolution)
            return _filled(mean, evidence, membrane), evidence

        offsets = torch.zeros_like(color)
        shared, evidence = share(color)
        for _ in range(_OFFSET_ROUNDS):
            pairs = zip(color, weight, strict=True)
            offsets = torch.stack([_offset(one - shared, w, membrane, fading) for one, w in pairs])
            shared, evidence = share((color - offsets).clamp(0, 1))
        # A texel that the photo sees well shows the photo; the passage is smooth in the weight.
        trust = weight / (weight + 0.1)
        own = torch.lerp(shared + offsets, color, trust[..., None]).clamp(0, 1)

        def picture(values: Tensor) -> Tensor:
            full = values.new_zeros(resolution, resolution, 3)
            full[covered] = values
            return dilate(full, covered)

        def laid_out(values: Tensor) -> Tensor:
            full = values.new_zeros(*values.shape[:-1], resolution, resolution)
            full[..., covered] = values
            return full

        shown = torch.stack([picture(values) for values in own])
        return Textures(picture(shared), shown, laid_out(trust), laid_out(evidence))


def seen_by_texels(
    vertices: Float[Tensor, "1 V 3"],
    faces: Int[Tensor, "F 3"],
    face: Int[Tensor, " T"],
    bary: Float[Tensor, "T 3"],
    camera: Camera,
    intrinsics: Intrinsics,
    pixels: Float[Tensor, "1 S S 3"],
    mask: Float[Tensor, "1 S S"],
) -> tuple[Float[Tensor, "T 3"], Float[Tensor, " T"]]:
    """Colour and weight that one picture gives each texel: how squarely it shows it, 0 where it does not.

    `face` and `bary`: where texels lie on the mesh; `mask`: where the picture shows it.
    """
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
) -> tuple[Float[Tensor, "T 3"], Float[Tensor, " T"]]:
    """Colours mixed with those at the mirror image of each texel, which decide where the texel itself is not seen, and
    the evidence of both sides together."""
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
    return mixed, evidence + share


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


def _normals(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], face: Int[Tensor, " T"], bary: Float[Tensor, "T 3"]
) -> Float[Tensor, "T 3"]:
    corners = vertex_normals(vertices[None], faces)[0].index_select(0, faces.index_select(0, face).reshape(-1))
    return (corners.reshape(-1, 3, 3) * bary[..., None]).sum(1)


def _filled(color: Float[Tensor, "T 3"], evidence: Float[Tensor, " T"], membrane: Membrane) -> Float[Tensor, "T 3"]:
    """Colours, and where there is no evidence for any, the membrane that meets those that are known."""
    total = float(evidence.double().sum())
    mean = (color * evidence[:, None]).double().sum(0).cpu().numpy() / total if total > 0 else np.full(3, 0.5)
    # A trace of the mean colour keeps the system regular where nothing at all is known.
    fill = membrane.continued(color, evidence, stiffness=0.01, floor=1e-6, rest=mean).clamp(0, 1)
    trust = (evidence / (evidence + 0.02))[:, None]
    return (trust * color + (1 - trust) * fill).clamp(0, 1)


def _offset(
    difference: Float[Tensor, "T 3"], weight: Float[Tensor, " T"], membrane: Membrane, fading: float
) -> Float[Tensor, "T 3"]:
    """What a photo is off the shared colours, smoothly; `fading`: squared edges of the mesh per reach."""
    stiffness = _OFFSET_STIFFNESS * membrane.density
    return membrane.continued(difference, weight, stiffness=stiffness, floor=stiffness * fading, rest=np.zeros(3))


def _edge_length(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> float:
    ends = vertices.index_select(0, edges(faces).reshape(-1)).reshape(-1, 2, 3)
    return float((ends[:, 0] - ends[:, 1]).norm(dim=1).mean())
