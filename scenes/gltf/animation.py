"""The clips of a glTF file: what each node does over time, and where it is at any moment.

Between keys k and k + 1, at the share t of the time d between them, a channel is (glTF 2.0 Specification, appendix C)
  STEP         v_k
  LINEAR       (1 - t) v_k + t v_k+1; rotations along the shorter great circle (slerp)
  CUBICSPLINE  (2t^3 - 3t^2 + 1) v_k + d (t^3 - 2t^2 + t) b_k + (-2t^3 + 3t^2) v_k+1 + d (t^3 - t^2) a_k+1
with b the out-tangents and a the in-tangents; rotations are normalised after. Before the first and after the last key
it stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from ..error import InputError
from ..json_file import JsonObject
from .file import GltfFile
from .node import Nodes, unit_quaternions

Property = Literal["translation", "rotation", "scale", "weights"]
Interpolation = Literal["STEP", "LINEAR", "CUBICSPLINE"]
_SHEAR = 1e-3
"""Share of a matrix that may be lost without a word where it is taken apart."""


@dataclass(frozen=True, eq=False)
class Channel:
    """One property of one node over time."""

    node: int
    path: Property
    interpolation: Interpolation
    times: Float[np.ndarray, " K"]
    """Seconds, increasing."""
    values: Float[np.ndarray, "K C"]
    """Rotations are quaternions (x, y, z, w)."""
    tangents: Float[np.ndarray, "K 2 C"] | None = None
    """Where each key is left from and arrived at, in and out; of a CUBICSPLINE."""

    def at(self, times: Float[np.ndarray, " B"]) -> Float[np.ndarray, "B C"]:
        """Values at moments in seconds."""
        times = np.clip(times, self.times[0], self.times[-1])
        first = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, max(len(self.times) - 2, 0))
        second = np.minimum(first + 1, len(self.times) - 1)
        gap = self.times[second] - self.times[first]
        share = np.where(gap > 0, (times - self.times[first]) / np.where(gap > 0, gap, 1), 0.0)[:, None]
        start, end = self.values[first], self.values[second]
        if self.interpolation == "STEP":
            found = np.where(share < 1, start, end)
        elif self.tangents is not None:
            t, d = share, gap[:, None]
            found = (2 * t**3 - 3 * t**2 + 1) * start + (3 * t**2 - 2 * t**3) * end
            arriving, leaving = self.tangents[second, 0], self.tangents[first, 1]
            found = found + d * ((t**3 - 2 * t**2 + t) * leaving + (t**3 - t**2) * arriving)
        elif self.path == "rotation":
            found = _slerp(start, end, share)
        else:
            found = (1 - share) * start + share * end
        return unit_quaternions(found) if self.path == "rotation" else found


@dataclass(frozen=True, eq=False)
class GltfClip:
    """A named animation."""

    name: str
    channels: tuple[Channel, ...]

    @property
    def span(self) -> tuple[float, float]:
        """Seconds of its first and its last key."""
        return min(float(c.times[0]) for c in self.channels), max(float(c.times[-1]) for c in self.channels)

    def pose(self, nodes: Nodes, times: Float[np.ndarray, " B"]) -> tuple[Nodes, dict[int, Float[np.ndarray, "B M"]]]:
        """The nodes at B moments, and the morph weights of those nodes whose weights the clip moves."""
        moving = {channel.node for channel in self.channels if channel.path != "weights"}
        posed = nodes.taken_apart(moving).repeated(len(times))
        properties = {name: getattr(posed, name).copy() for name in ("translation", "rotation", "scale")}
        weights = {}
        for channel in self.channels:
            values = channel.at(times)
            if channel.path == "weights":
                weights[channel.node] = values
            else:
                properties[channel.path][:, channel.node] = values
        return replace(posed, **properties), weights


def read_clips(file: GltfFile, nodes: Nodes) -> tuple[GltfClip, ...]:
    """All animations of a file that move a node; channels of extensions (pointers) are passed over.

    An animation without a name is called "clip 3" by its index, and one whose name is taken has the index added. One
    that is broken is left out, and the file notes why.
    """
    clips = []
    for index, entry in enumerate(file.entries("animations")):
        name = str(entry.get("name", f"clip {index}"))
        if name in (clip.name for clip in clips):
            name = f"{name} {index}"
        try:
            with file.checked():
                clip = GltfClip(name, _channels(file, nodes, name, entry))
        except InputError as error:
            why = str(error).removeprefix(f"{file.path}: ")
            file.note(f"clip {name!r} is left out: {why}")
            continue
        if clip.channels:
            clips.append(clip)
    return tuple(clips)


def _channels(file: GltfFile, nodes: Nodes, name: str, entry: JsonObject) -> tuple[Channel, ...]:
    """The channels of an animation that move a node of the file."""
    samplers, channels = entry.get("samplers", []), []
    for channel in entry.get("channels", []):
        target = channel["target"]
        if "node" not in target or target["path"] not in get_args(Property):
            file.note(f"clip {name!r} also moves what is no node ({target.get('path')}), which is left out")
            continue
        node = target["node"]
        file.entry("nodes", node)
        number = channel["sampler"]
        if not 0 <= number < len(samplers):
            raise file.fail(f"clip {name!r} has no sampler {number}")
        if nodes.fixed[node] and target["path"] != "weights":
            apart = nodes.taken_apart([node]).local()[0, node]
            if np.abs(apart - nodes.matrix[node]).max() > _SHEAR * np.abs(nodes.matrix[node, :3, :3]).max():
                file.note(f"node {node} is placed by a matrix that shears, which clip {name!r} cannot keep")
        channels.append(_channel(file, name, target, samplers[number]))
        found, wanted = channels[-1].values.shape[1], _morph_count(file, node)
        if target["path"] == "weights" and found < wanted:
            raise file.fail(f"clip {name!r} has {found} weights for the {wanted} morphs of node {node}")
    return tuple(channels)


def _morph_count(file: GltfFile, node: int) -> int:
    mesh = file.entry("nodes", node).get("mesh")
    if mesh is None:
        return 0
    return max((len(p.get("targets", [])) for p in file.entry("meshes", mesh).get("primitives", [])), default=0)


def _channel(file: GltfFile, clip: str, target: JsonObject, sampler: JsonObject) -> Channel:
    interpolation, path = sampler.get("interpolation", "LINEAR"), target["path"]
    if interpolation not in get_args(Interpolation):
        raise file.fail(f"clip {clip!r} has interpolation {interpolation!r}; known are STEP, LINEAR and CUBICSPLINE")
    times = file.floats(sampler["input"], 1)[:, 0].astype(np.float64)
    width = {"translation": 3, "rotation": 4, "scale": 3, "weights": 1}[path]
    values = file.floats(sampler["output"], width).astype(np.float64)
    rows = len(times) * (3 if interpolation == "CUBICSPLINE" else 1)
    if len(times) == 0 or len(values) == 0 or len(values) % rows or (path != "weights" and len(values) != rows):
        raise file.fail(f"clip {clip!r} has {len(times)} keys but {len(values)} values of {path}")
    if (np.diff(times) < 0).any():
        raise file.fail(f"clip {clip!r} has keys that go back in time")
    if interpolation == "CUBICSPLINE":
        keys = values.reshape(len(times), 3, -1)
        return Channel(target["node"], path, interpolation, times, keys[:, 1], keys[:, ::2])
    return Channel(target["node"], path, interpolation, times, values.reshape(len(times), -1))


def _slerp(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    start, end = unit_quaternions(start), unit_quaternions(end)
    cosine = (start * end).sum(-1, keepdims=True)
    end = np.where(cosine < 0, -end, end)
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, 1, sine)
    return np.where(
        near,
        (1 - share) * start + share * end,
        (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / safe,
    )
