"""Photographs of a sitter: everything a camera would record, and everything there is to know about each pixel.

Body, ground, sky and what stands about are drawn in linear light by one renderer, so that no seam gives the subject
away (the principle of Hinterstoisser et al., "An Annotation Saved is an Annotation Earned", ICCV workshops 2019), and
developed together by one camera with its faults.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from torch import Tensor

from ...representations.parallel import over
from ...representations.rendering import rasterize
from .backdrop import draw_backdrop, draw_grass, focus
from .body import SurfaceColors, body_vertex_normals, draw_body, draw_fur
from .clutter import fill_backdrop, stand_before
from .fault import FaultConfig, decoded, develop
from .ground_kernel import GRASS_HEIGHT
from .label import draw_labels
from .landmark import see_keypoints
from .light import LightConfig, SceneLight, draw_light
from .scenery import Scenery, SceneryKind, draw_place, draw_scenery
from .shadow import ShadowMaps, shadow_maps
from .shot import Shot
from .sitter import Poses, Sitter
from .viewpoint import ViewpointConfig, Viewpoints, draw_viewpoints

_AT_ONCE = 16
_IN_THE_AIR = ("gallop", "run", "hop", "jump", "flap")
_APERTURES = (0.5, 40.0)


@dataclass(frozen=True)
class PhotographyConfig:
    """How a sitter is photographed."""

    size: int = 256
    """Longer side of every photo in pixels."""
    noisy: bool = False
    """About half of the photos have something before the subject or cut it off at the frame."""
    occluded_share: float = 0.4
    """Of noisy photos: those with something before the subject."""
    truncated_share: float = 0.25
    """Of noisy photos: those that cut it off; the two may meet."""
    place: SceneryKind | None = None
    """Where all photos are taken; None draws a place for each."""
    viewpoint: ViewpointConfig = field(default_factory=ViewpointConfig)
    light: LightConfig = field(default_factory=LightConfig)
    fault: FaultConfig = field(default_factory=FaultConfig)
    fur: tuple[float, float] = (0.1, 0.5)
    """How much strands of hair show; (0, 0) for what has none."""


def photograph(sitter: Sitter, poses: Poses, config: PhotographyConfig, generator: torch.Generator) -> tuple[Shot, ...]:
    """One photo of each pose. The same arguments and state of `generator` give the same bytes."""
    count = len(poses.names)
    with torch.no_grad():
        ground = _ground(poses, generator)
        cut = _cuts(count, config, generator)
        viewpoints = draw_viewpoints(poses.vertices, config.size, config.viewpoint, cut, ground, generator)
        seeds = torch.randint(0, 2**62, (count,), generator=generator).tolist()
        coat = SurfaceColors.of(sitter)
        shots: list[Shot] = []
        # Few enough at once to be held in memory.
        for start in range(0, count, _AT_ONCE):
            indices = range(start, min(start + _AT_ONCE, count))
            sets = [_arrange(viewpoints, k, float(ground[k]), seeds[k], config) for k in indices]
            shots += _session(sitter, coat, poses, viewpoints, sets, config, indices)
    return tuple(shots)


@dataclass(frozen=True, eq=False)
class _Set:
    """What is decided about one photo before anything is drawn."""

    rng: np.random.Generator
    light: SceneLight
    scenery: Scenery
    ground: float
    camera: Float64[np.ndarray, "5 3"]
    """Right, up, back, centre, (focal length, column and row of the axis)."""
    distance: float
    """Depth of the subject's middle."""
    aperture: float
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Projection:
    """One posed body and what its camera sees of it."""

    posed: Float32[np.ndarray, "V 3"]
    clip: Float32[np.ndarray, "V 4"]
    fine_face: np.ndarray
    fine_depth: np.ndarray
    face: np.ndarray
    depth: np.ndarray


def _session(
    sitter: Sitter,
    coat: SurfaceColors,
    poses: Poses,
    viewpoints: Viewpoints,
    sets: list[_Set],
    config: PhotographyConfig,
    indices: range,
) -> list[Shot]:
    """The photos number `indices`."""
    chosen = slice(indices.start, indices.stop)
    vertices = poses.vertices[chosen].float().contiguous()
    maps = shadow_maps(
        vertices,
        sitter.faces,
        torch.tensor(np.stack([one.light.direction for one in sets])).float(),
        torch.tensor([one.light.softness for one in sets]),
        torch.tensor([one.ground for one in sets]),
        coat.closed,
    )
    matrices = viewpoints.clip_from_world(config.size)[chosen]
    clip = vertices @ matrices[:, :, :3].transpose(1, 2) + matrices[:, None, :, 3]
    cull = "back" if coat.closed else "none"
    fine = rasterize(clip, sitter.faces, (2 * config.size, 2 * config.size), cull=cull)
    coarse = rasterize(clip, sitter.faces, (config.size, config.size), cull=cull)
    arrays = [t.numpy() for t in (vertices, clip, fine.face, fine.depth, coarse.face, coarse.depth)]

    def take(start: int, stop: int) -> list[Shot]:
        taken = []
        for index in range(start, stop):
            seen = _Projection(*(array[index] for array in arrays))
            taken.append(_take(sitter, coat, poses, viewpoints, sets[index], seen, maps, config, index, indices[index]))
        return taken

    return [shot for some in over(len(sets), take) for shot in some]


def _take(
    sitter: Sitter,
    coat: SurfaceColors,
    poses: Poses,
    viewpoints: Viewpoints,
    one: _Set,
    seen: _Projection,
    maps: ShadowMaps,
    config: PhotographyConfig,
    index: int,
    number: int,
) -> Shot:
    """Photo `number`, which is `index` in this session."""
    normals = body_vertex_normals(seen.posed, coat.faces)
    part = None if sitter.part is None else sitter.part.numpy()
    reference = None if sitter.reference is None else sitter.reference.float().numpy()
    labels = draw_labels(seen.face, seen.depth, seen.clip, coat.faces, normals, part, reference, one.size)
    backdrop = draw_backdrop(one.scenery, one.light, one.camera, maps, index, one.size, one.aperture / one.distance)
    fill_backdrop(backdrop, one.rng, one.scenery, one.light, one.camera, one.distance, one.ground)
    fur = draw_fur(one.rng, config.fur, one.light.softness)
    body, coverage = draw_body(
        (seen.fine_face, seen.fine_depth), seen.face, seen.depth, seen.clip, normals, coat, one.camera, one.light,
        one.scenery.bounce, fur, maps, index, one.size,
    )  # fmt: skip
    picture = focus(backdrop, one.distance, one.aperture) * (1 - coverage[..., None]) + body
    transparency = np.ones_like(coverage)
    for colour, opacity in _before(one, labels.depth, coverage, backdrop.depth, maps, config, index):
        picture = picture * (1 - opacity[..., None]) + colour
        transparency *= 1 - opacity
    jpeg = develop(picture, coverage, one.rng, config.fault)
    amodal = _mask(coverage, labels.depth)
    masks = (np.round(amodal * transparency).astype(np.uint8), amodal)
    keypoints, visibility = see_keypoints(
        poses.keypoints[number].float().numpy(), seen.posed, one.camera, labels.depth, *masks
    )
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = one.camera[:3].T, one.camera[3]
    towards = one.camera[3] / np.linalg.norm(one.camera[3])
    return Shot(
        photo=decoded(jpeg),
        jpeg=jpeg,
        visible=masks[0],
        amodal=masks[1],
        labels=labels,
        keypoints=keypoints,
        visibility=visibility,
        world_from_camera=matrix,
        focal=float(one.camera[4, 0]),
        centre=(float(one.camera[4, 1]), float(one.camera[4, 2])),
        focal_35mm=viewpoints.focal_35mm[number],
        pose=poses.names[number],
        place=one.scenery.place,
        azimuth_deg=float(np.degrees(np.arctan2(towards[0], towards[2])) % 360),
        elevation_deg=float(np.degrees(np.arcsin(towards[1]))),
    )


def _mask(coverage: Float32[np.ndarray, "H W"], depth: Float32[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    """Coverage as bytes; from 128 on exactly where the body covers the pixel's centre, as the labels have it."""
    share = np.round(255 * coverage)
    return np.where(np.isfinite(depth), np.maximum(share, 128), np.minimum(share, 127)).astype(np.uint8)


def _before(
    one: _Set,
    depth: Float32[np.ndarray, "H W"],
    coverage: Float32[np.ndarray, "H W"],
    behind: Float32[np.ndarray, "H W"],
    maps: ShadowMaps,
    config: PhotographyConfig,
    index: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Layers between the subject and the camera, the nearest last: light multiplied by opacity, and opacity."""
    if not config.noisy:
        return []
    layers = []
    if one.scenery.ground[GRASS_HEIGHT] > 0 and one.rng.random() < 0.6:
        layers.append(draw_grass(one.scenery, one.light, one.camera, maps, index, depth))
    if one.rng.random() < config.occluded_share:
        nearest = float(depth.min(initial=one.distance))
        layers.append(
            stand_before(
                coverage,
                behind,
                one.rng,
                one.scenery,
                one.light,
                one.camera,
                nearest,
                one.ground,
                min(one.aperture, 12.0),
            )
        )
    return layers


def _arrange(viewpoints: Viewpoints, index: int, ground: float, seed: int, config: PhotographyConfig) -> _Set:
    rng = np.random.default_rng(seed)
    position = viewpoints.position()[index].double().numpy()
    place = draw_place(rng) if config.place is None else config.place
    azimuth = float(np.degrees(np.arctan2(position[0], position[2])))
    light = draw_light(rng, config.light, azimuth, indoors=place == "room")
    axis = [float(viewpoints.focal[index]), *viewpoints.centre[index].tolist()]
    camera = np.stack([*viewpoints.camera.rotations[index].double().numpy(), position, np.array(axis)])
    return _Set(
        rng,
        light,
        draw_scenery(rng, place, light, ground),
        ground,
        camera,
        distance=-float(viewpoints.camera.translations[index, 2]),
        aperture=float(np.exp(rng.uniform(*np.log(_APERTURES)))) * config.size / 256,
        size=viewpoints.sizes[index],
    )


def _ground(poses: Poses, generator: torch.Generator) -> Float[Tensor, " B"]:
    """Heights of the ground: under the lowest point, or some way below it in a leap."""
    lowest = poses.vertices[..., 1].amin(1).float()
    leaping = torch.tensor([any(word in name for word in _IN_THE_AIR) for name in poses.names])
    gap, chance = torch.rand(2, len(lowest), generator=generator)
    return lowest - 0.12 * gap * (leaping & (chance < 0.4))


def _cuts(count: int, config: PhotographyConfig, generator: torch.Generator) -> Float[Tensor, "B 2"]:
    """How far each subject is moved out of the frame, in sizes of its own box: (right, up); mostly not at all."""
    drawn = torch.rand(4, count, generator=generator)
    cut = 0.12 + 0.28 * drawn[1]
    sideways = drawn[2] < 0.6
    sign = torch.where(drawn[3] < 0.5, -1.0, 1.0)
    # Cut off above rarely: nobody leaves out the head.
    upward = torch.where(drawn[3] < 0.25, 0.6, -1.0)
    moved = torch.stack([cut * sign * sideways, cut * upward * ~sideways], dim=-1)
    chosen = drawn[0] < (config.truncated_share if config.noisy else 0.0)
    return moved * chosen[:, None]
