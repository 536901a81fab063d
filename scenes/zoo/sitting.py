"""A sitting: one individual of the zoo, posed and photographed many times.

Poses and cameras are drawn on level ground. The truth that leaves here has the root joint at its rest place, unturned,
in every photo, as fits have it: what the root does by itself, such as pitching up when an animal sits down, the camera
takes over.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ...representations.body.skeleton import Skeleton, forward_kinematics, posed_joints
from ...representations.body.skinning import skin
from ...representations.motion.clip import Clip
from ...representations.motion.library import motion
from ...representations.motion.moment import draw_moment as draw_moments
from ...representations.motion.range import overlay
from ...representations.tensor_structure import TensorStructure
from ..photography.photograph import PhotographyConfig, photograph
from ..photography.shot import Shot
from ..photography.sitter import Poses, Sitter
from .body import Archetype, Body, make_body
from .coat import Coat
from .species import SPECIES, Species, archetype, draw_individual
from .vary import vary

_RELAXED = 0.5
"""How much of their range heads, tails and ears use besides the motion."""


class Sitting(TensorStructure):
    """An individual and its photographs."""

    species: str
    sitter: Sitter
    skeleton: Skeleton
    poses: Poses
    joints: Float[Tensor, "B J 3"]
    """Posed places of the skeleton's joints, in the frame of `poses`."""
    shots: tuple[Shot, ...]


def take_photos(
    species: str, count: int, generator: torch.Generator, config: PhotographyConfig | None = None
) -> Sitting:
    """`count` photographs of one individual; the same arguments and state of `generator` give the same bytes.

    Raises KeyError for a species that is not in `species.SPECIES`.
    """
    kind, mean = SPECIES[species], archetype(species)
    config = replace(config or PhotographyConfig(), fur=kind.fur)
    random = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    with torch.no_grad():
        body = make_body(mean, draw_individual(vary(kind.shape, random)))
        sitter = dress(kind, mean, body, random)
        rotations, shifts, names = _moments(kind, body, count, generator)
        transforms = forward_kinematics(body.skeleton, rotations)
        transforms[..., 3] += shifts[:, None]
        on_ground = _posed(body, sitter, transforms, names)
        shots = photograph(sitter, on_ground, config, generator)
        back = _inverse(transforms[:, 0])
        return Sitting(
            species,
            sitter,
            body.skeleton,
            Poses(_moved(on_ground.vertices, back), _moved(on_ground.keypoints, back), names),
            _moved(posed_joints(transforms, body.skeleton.joints), back),
            tuple(_seen_from(shot, turn) for shot, turn in zip(shots, back.double().numpy(), strict=True)),
        )


def dress(kind: Species, mean: Archetype, body: Body, random: np.random.Generator) -> Sitter:
    """The individual in a coat of its own, as a photographer takes it."""
    coat = Coat(mean.canvas, random)
    kind.coat(coat)
    mesh = body.mesh
    assert mesh.uv is not None
    assert mesh.uv_faces is not None
    names = tuple(body.skeleton.landmarks) + (() if body.eyes is None else ("left_eye", "right_eye"))
    texture = torch.from_numpy(mean.canvas.picture(coat.colours))
    return Sitter(mesh.vertices, mesh.faces, mesh.uv, mesh.uv_faces, texture, names, mesh.part, mesh.reference)


@cache
def _clips(species: str) -> tuple[Clip, ...]:
    """What a species does, made for its mean body: feet that slide a little show on no photo."""
    mean = archetype(species)
    skeleton = make_body(mean, mean.blueprint).skeleton
    rest = torch.zeros(1, len(skeleton), 4)
    rest[..., 0] = 1
    return tuple(
        Clip("rest", torch.zeros(1), rest) if name == "rest" else motion(name, skeleton)
        for name in SPECIES[species].motions
    )


def _moments(
    kind: Species, body: Body, count: int, generator: torch.Generator
) -> tuple[Float[Tensor, "B J 4"], Float[Tensor, "B 3"], tuple[str, ...]]:
    """Rotations with the root's own turn, its shifts, and what it is doing."""
    moments = draw_moments(_clips(kind.name), count, generator, list(kind.motions.values()))
    moments = moments.mirrored(body.skeleton, torch.rand(count, generator=generator) < 0.5)
    relaxed = overlay(body.skeleton, moments.rotations, generator, _RELAXED)
    return replace(moments, rotations=relaxed).on_ground(), moments.root.shifts, moments.names


def _posed(body: Body, sitter: Sitter, transforms: Tensor, names: tuple[str, ...]) -> Poses:
    skeleton = body.skeleton
    starts, tips = posed_joints(transforms, skeleton.joints), posed_joints(transforms, skeleton.tips)
    points = [(tips if tip else starts)[:, joint] for joint, tip in skeleton.landmarks.values()]
    if body.eyes is not None:
        head = transforms[:, skeleton.index("head")]
        points += list(_moved(body.eyes.expand(len(head), -1, -1), head).unbind(1))
    return Poses(skin(sitter.vertices, body.mesh.weights, transforms), torch.stack(points, 1), names)


def _inverse(maps: Float[Tensor, "B 3 4"]) -> Float[Tensor, "B 3 4"]:
    turn = maps[..., :3].transpose(1, 2)
    return torch.cat([turn, -(turn @ maps[..., 3:])], dim=-1)


def _moved(points: Float[Tensor, "B N 3"], maps: Float[Tensor, "B 3 4"]) -> Float[Tensor, "B N 3"]:
    return points @ maps[..., :3].transpose(1, 2) + maps[:, None, :, 3]


def _seen_from(shot: Shot, back: Float64[np.ndarray, "3 4"]) -> Shot:
    """The same photo in a world that was moved by `back`."""
    camera = np.eye(4)
    camera[:3] = back[:, :3] @ shot.world_from_camera[:3]
    camera[:3, 3] += back[:, 3]
    # The rotation is float32's; its rows are made orthonormal again.
    u, _, vt = np.linalg.svd(camera[:3, :3])
    camera[:3, :3] = u @ vt
    x, y, z = camera[:3, 3] / np.linalg.norm(camera[:3, 3])
    normal = np.rint(shot.labels.normal.astype(np.float32) @ back[:, :3].T.astype(np.float32)).astype(np.int8)
    return replace(
        shot,
        world_from_camera=camera,
        labels=replace(shot.labels, normal=normal),
        azimuth_deg=float(np.degrees(np.arctan2(x, z)) % 360),
        elevation_deg=float(np.degrees(np.arcsin(y))),
    )
