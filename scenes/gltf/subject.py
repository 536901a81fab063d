"""Any rigged glTF 2.0 file as a subject: its surface on one texture, posed at any moment of its clips.

The subject stays where it is and looks along +Z; how that is done says `gltf_rig`, and which way it looks in the file
`gltf_front`. What counts is what a viewer would show of the file's scene: skins, moving nodes and morphs, all
materials' colours. Light, cameras and the shine of surfaces are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..error import InputError
from ..photography.sitter import Poses, Sitter
from .animation import GltfClip, read_clips
from .atlas import paint_atlas
from .cutout import cut_out
from .file import GltfFile
from .front import TURNS, find_front
from .front_axis import Front
from .geometry import Geometry, read_geometry
from .joint import RestBody, find_root
from .landmark import Landmark, find_landmarks
from .material import read_materials
from .node import Nodes, read_nodes
from .rig import Rest, Rig, find_rest, normalise, surface_area, turned_inside_out
from .vrm import Humanoid, read_humanoid

_MOST_JOINTS = 5000
"""Most nodes above parts of a surface; a chain of so many still fits into memory with all that hangs on each."""


@dataclass(frozen=True, eq=False)
class GltfSubject:
    """A glTF file ready to be posed; made by `load_gltf`."""

    name: str
    """The file's name without its ending."""
    clips: tuple[GltfClip, ...]
    """Its animations that move the body."""
    body: Sitter
    rig: Rig
    landmarks: tuple[Landmark, ...]
    """What each of the body's keypoints is."""
    notes: tuple[str, ...] = ()
    """What was unusual about the file, a line each."""

    def sitter(self) -> Sitter:
        """The body in its rest pose."""
        return self.body

    @property
    def clip_names(self) -> tuple[str, ...]:
        """Names of the animations, in the file's order."""
        return tuple(clip.name for clip in self.clips)

    def pose(self, clip: str, times: Float[Tensor, " B"]) -> Poses:
        """The body at B moments of one clip, in seconds; before its start and after its end it stays as it is there.

        The poses are named after the clip, in lower case and without what stands before a "|".

        Raises InputError where the file has no such clip, naming those it has.
        """
        if clip not in self.clip_names:
            raise InputError(f"{self.name} has no clip {clip!r}; it has {', '.join(self.clip_names) or 'none'}")
        moving = self.clips[self.clip_names.index(clip)]
        nodes, morph_weights = moving.pose(self.rig.nodes, times.detach().cpu().double().numpy())
        vertices, places = self.rig.move(nodes.world(), morph_weights)
        # Blender and its kin write the armature's name before the clip's.
        name = clip.rpartition("|")[2].lower()
        return Poses(vertices, self._keypoints(vertices, places), (name,) * len(times))

    def rest(self) -> Poses:
        """The rest pose."""
        vertices, places = (values[None] for values in self.rig.at_rest())
        return Poses(vertices, self._keypoints(vertices, places), ("rest",))

    def poses(self, count: int, generator: torch.Generator) -> Poses:
        """`count` random moments, each clip as likely as another; of a file without clips, the rest pose each time.

        Raises ValueError where `count` is less than 1.
        """
        if count < 1:
            raise ValueError(f"{count} poses were asked for; at least one is needed")
        if not self.clips:
            return _picked(self.rest(), [0] * count)
        chosen = torch.randint(len(self.clips), (count,), generator=generator)
        share = torch.rand(count, generator=generator, dtype=torch.float64)
        groups = [(chosen == number).nonzero()[:, 0] for number in range(len(self.clips))]
        posed = []
        for clip, group in zip(self.clips, groups, strict=True):
            start, end = clip.span
            posed.append(self.pose(clip.name, start + share[group] * (end - start)))
        together = Poses(
            torch.cat([part.vertices for part in posed]),
            torch.cat([part.keypoints for part in posed]),
            tuple(name for part in posed for name in part.names),
        )
        return _picked(together, torch.argsort(torch.cat(groups)).tolist())

    def _keypoints(self, vertices: Tensor, places: Tensor) -> Float[Tensor, "B K 3"]:
        marks = [vertices[:, mark.index] if mark.kind == "vertex" else places[:, mark.index] for mark in self.landmarks]
        return torch.stack(marks, dim=1) if marks else vertices.new_zeros((len(vertices), 0, 3))


def load_gltf(
    path: str | Path,
    *,
    front: Front | None = None,
    resolution: int = 1024,
    keypoints: Mapping[str, str] | None = None,
) -> GltfSubject:
    """A .glb or .gltf file as a subject.

    `front` is the axis along which the file's subject looks; None as its joints tell it, else as the format has it: +Z,
    but -Z for a VRM 0.x. +Y is up in every glTF. `resolution` is the texture's, in texels. `keypoints` names the joint
    of further keypoints, or of those that are recognised wrongly.
    Raises InputError, in one line, where the file is broken, compressed, or without triangles.
    """
    file = GltfFile(path)
    with file.checked():
        nodes, materials = read_nodes(file), read_materials(file)
        clips = read_clips(file, nodes)
        geometry = read_geometry(file, nodes, materials)
        humanoid = read_humanoid(file)
    geometry = cut_out(geometry, materials)
    if len(geometry.faces) == 0:
        raise file.fail("is transparent all over; nothing of it can be photographed")
    rest = find_rest(nodes, geometry)
    geometry = geometry.turned(turned_inside_out(rest, geometry))
    area = surface_area(rest.vertices, geometry.faces)
    if not np.isfinite(area) or area <= 0:
        raise file.fail(f"has a surface of area {area} in its rest pose; do its nodes scale it to nothing?")
    body = _rest_body(nodes, geometry, rest, humanoid)
    if len(body.names) > _MOST_JOINTS:
        raise file.fail(
            f"has {len(body.names)} nodes that move its surface, at most {_MOST_JOINTS} are read; join them"
        )
    ours = normalise(rest.vertices, _turn(file, body, humanoid, front))
    body = body.mapped(ours)
    root = find_root(body)
    if np.linalg.det(rest.world[root]) == 0:
        raise file.fail(f"has a root joint {nodes.names[root]!r} that is scaled to nothing")
    rig = Rig(nodes, geometry, rest, root, ours)
    vertices, _ = rig.at_rest()
    uv, uv_faces, texture = paint_atlas(geometry, materials, vertices, resolution)
    landmarks = _landmarks(file, nodes, body, keypoints or {})
    names = tuple(mark.name for mark in landmarks)
    sitter = Sitter(vertices, torch.from_numpy(geometry.faces), uv, uv_faces, texture, names)
    moving = _moving(file, nodes, geometry, clips)
    return GltfSubject(Path(path).stem, moving, sitter, rig, landmarks, file.notes)


def _turn(file: GltfFile, body: RestBody, humanoid: Humanoid, front: Front | None) -> float:
    """Turn about Y, in radians, that brings the subject's front to +Z."""
    if front is not None:
        return TURNS[front]
    places = torch.from_numpy(np.stack(list(body.places.values())))
    found = find_front(tuple(body.names.values()), places, humanoid.front)
    if found.note is not None:
        file.note(found.note)
    return found.turn


def _moving(file: GltfFile, nodes: Nodes, geometry: Geometry, clips: Sequence[GltfClip]) -> tuple[GltfClip, ...]:
    """The clips that move the surface; those of lamps and cameras would add photos of nothing but the rest pose."""
    carrying = nodes.above({bone.node for bone in geometry.bones})
    morphed = {morph.node for morph in geometry.morphs}
    found = []
    for clip in clips:
        if any(c.node in (morphed if c.path == "weights" else carrying) for c in clip.channels):
            found.append(clip)
        else:
            file.note(f"clip {clip.name!r} is left out: it moves nothing of the body")
    return tuple(found)


def _rest_body(nodes: Nodes, geometry: Geometry, rest: Rest, humanoid: Humanoid) -> RestBody:
    """What of a scene moves the surface, in the scene's frame: joints of skins, nodes with meshes, all above them."""
    moving = {bone.node for bone in geometry.bones} | set(humanoid.bones)
    moving |= {bone.node for bones in geometry.joints.values() for bone in bones}
    moving = nodes.above(moving)
    joints = [node for node in nodes.order if node in moving]
    return RestBody(
        names={joint: humanoid.bones.get(joint, nodes.names[joint]) for joint in joints},
        parents={joint: nodes.parents[joint] for joint in joints},
        places={joint: rest.world[joint, :3, 3] for joint in joints},
        vertices=rest.vertices,
        holder=np.array([bone.node for bone in geometry.bones])[geometry.weights.argmax(axis=1)],
    )


def _landmarks(file: GltfFile, nodes: Nodes, body: RestBody, wanted: Mapping[str, str]) -> tuple[Landmark, ...]:
    """Keypoints that are recognised, but for those that the caller places."""
    found = {mark.name: mark for mark in find_landmarks(body)}
    for keypoint, joint in wanted.items():
        if joint not in nodes.names:
            known = ", ".join(sorted(body.names.values())[:60])
            raise file.fail(f"has no joint {joint!r} for keypoint {keypoint!r}; it has {known}")
        found[keypoint] = Landmark(keypoint, "joint", nodes.names.index(joint))
    return tuple(found.values())


def _picked(poses: Poses, rows: list[int]) -> Poses:
    return Poses(poses.vertices[rows], poses.keypoints[rows], tuple(poses.names[row] for row in rows))
