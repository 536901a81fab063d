"""What a VRM says beyond glTF: which node is which bone of a humanoid, and where it looks.

VRM 1.0 (extension VRMC_vrm) looks along +Z as all glTF does, VRM 0.x (extension VRM) along -Z; both name the bones of a
humanoid whatever its nodes are called (vrm-c/vrm-specification, "humanoid").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .file import GltfFile


@dataclass(frozen=True)
class Humanoid:
    """What a file says of its subject; of plain glTF nothing but the front."""

    bones: dict[int, str]
    """Node -> VRM's name of the bone, such as "leftUpperArm"."""
    front: Literal["+z", "-z"]


def read_humanoid(file: GltfFile) -> Humanoid:
    """The humanoid that a file describes."""
    extensions = file.json.get("extensions", {})
    if "VRMC_vrm" in extensions:
        bones = extensions["VRMC_vrm"]["humanoid"]["humanBones"]
        found = Humanoid({bone["node"]: str(name) for name, bone in bones.items()}, "+z")
    elif "VRM" in extensions:
        bones = extensions["VRM"]["humanoid"]["humanBones"]
        found = Humanoid({bone["node"]: str(bone["bone"]) for bone in bones}, "-z")
    else:
        found = Humanoid({}, "+z")
    for node in found.bones:
        file.entry("nodes", node)
    return found
