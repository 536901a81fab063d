"""The joints of a glTF scene that move its body, and the one among them that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from ...representations.body.joint_name import JointName
from ...representations.rig_name import rig_joint_names

_WHOLE = 0.99
"""Share of the surface that counts as all of it."""
_ROOTS = ("hips", "hip", "pelvis", "body", "cog", "root")
"""Words for the joint that carries the body, the likeliest first."""


@dataclass(frozen=True, eq=False)
class RestBody:
    """A body at rest and the tree of joints that moves it, +Y up."""

    names: Mapping[int, str]
    """Name of each joint, by node, parents before children."""
    parents: Mapping[int, int]
    """The node above each joint, -1 for none."""
    places: Mapping[int, Float[np.ndarray, " 3"]]
    """Where each joint is."""
    vertices: Float[np.ndarray, "V 3"]
    holder: Int[np.ndarray, " V"]
    """The joint that moves each vertex most."""

    def mapped(self, affine: Float[np.ndarray, "4 4"]) -> RestBody:
        """The body in another frame."""
        places = {joint: affine[:3, :3] @ place + affine[:3, 3] for joint, place in self.places.items()}
        return replace(self, places=places, vertices=self.vertices @ affine[:3, :3].T + affine[:3, 3])

    @cached_property
    def parsed(self) -> dict[int, JointName]:
        """The names, taken apart."""
        return dict(zip(self.names, rig_joint_names(tuple(self.names.values())), strict=True))

    @cached_property
    def below(self) -> dict[int, list[int]]:
        """Each joint with all its descendants."""
        found: dict[int, list[int]] = {joint: [] for joint in self.names}
        for joint in self.names:
            above = joint
            while above in found:
                found[above].append(joint)
                above = self.parents[above]
        return found

    def held(self, joint: int, without: tuple[str, ...] = ()) -> Int[np.ndarray, " H"]:
        """Vertices that move mostly with a joint or what hangs on it, but for branches with a word of `without`."""
        left_out = {
            branch for child in self.below[joint] if self.parsed[child].word in without for branch in self.below[child]
        }
        return np.flatnonzero(np.isin(self.holder, [child for child in self.below[joint] if child not in left_out]))


def find_root(body: RestBody) -> int:
    """The joint that carries the body: by its name, else the first at which the tree that moves the surface forks."""
    for word in _ROOTS:
        for joint, parsed in body.parsed.items():
            if parsed.side == "middle" and parsed.word == word:
                return joint
    # A joint with the whole surface below one of its children only passes on what moves it.
    joint = next(iter(body.parsed))
    while True:
        children = [child for child in body.below[joint] if body.parents[child] == joint]
        shares = {child: len(body.held(child)) / len(body.vertices) for child in children}
        heaviest = max(shares, key=lambda child: shares[child], default=joint)
        if shares.get(heaviest, 0.0) < _WHOLE:
            return joint
        joint = heaviest
