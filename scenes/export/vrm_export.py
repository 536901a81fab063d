"""A humanoid subject as a VRM 1.0 avatar, and its clips as VRM animations.

A VRM is a GLB whose extension VRMC_vrm says which node is which bone of a human body and who may use it for what; a
VRMA is a GLB without a mesh whose VRMC_vrm_animation says the same of the joints of one animation
(vrm-c/vrm-specification, "VRMC_vrm-1.0", "VRMC_vrm_animation-1.0"). Both are in metres, look along +Z and rest in a
T-pose; see `t_pose` for how a subject gets there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...representations.body.skeleton import Skeleton
from ..error import InputError
from ..subject import Subject
from .gltf_export import limit_influences, write_glb, write_motion_glb
from .t_pose import stand_in_t_pose

HEIGHT_M = 1.6
"""From sole to crown: photos do not tell how tall somebody is."""

_LICENSE = "https://vrm.dev/licenses/1.0/"
_FINGERS = ("Index", "Middle", "Ring", "Little")


def _sided(bones: dict[str, str]) -> dict[str, str]:
    """The bones of both sides, each with the bone above it; a parent in small letters lies in the middle."""
    return {
        side + bone: parent if parent[0].islower() else side + parent
        for side in ("left", "right")
        for bone, parent in bones.items()
    }


HUMAN_BONES: dict[str, str] = {
    "hips": "",
    "spine": "hips",
    "chest": "spine",
    "upperChest": "chest",
    "neck": "upperChest",
    "head": "neck",
    "jaw": "head",
    **_sided(
        {
            "Eye": "head",
            "UpperLeg": "hips",
            "LowerLeg": "UpperLeg",
            "Foot": "LowerLeg",
            "Toes": "Foot",
            "Shoulder": "upperChest",
            "UpperArm": "Shoulder",
            "LowerArm": "UpperArm",
            "Hand": "LowerArm",
            "ThumbMetacarpal": "Hand",
            "ThumbProximal": "ThumbMetacarpal",
            "ThumbDistal": "ThumbProximal",
            **{f"{finger}Proximal": "Hand" for finger in _FINGERS},
            **{f"{finger}Intermediate": f"{finger}Proximal" for finger in _FINGERS},
            **{f"{finger}Distal": f"{finger}Intermediate" for finger in _FINGERS},
        }
    ),
}
"""All bones that VRM knows, each with its parent; "" for the topmost."""

_LIMBS = ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
REQUIRED_BONES = ("hips", "spine", "head", *(side + limb for side in ("left", "right") for limb in _LIMBS))
"""Bones without which nothing is a humanoid."""


def write_vrm(
    path: str | Path,
    subject: Subject,
    *,
    name: str = "subject",
    authors: Sequence[str] = ("unknown",),
    height_m: float = HEIGHT_M,
) -> None:
    """Writes a humanoid subject as VRM 1.0 (.vrm), whole or not at all.

    It rests in a T-pose, `height_m` metres tall, sole at Y = 0, hips above the origin. The licence is VRM's own with
    nothing allowed that its author does not allow: only they may act as it, without profit, unchanged. A vertex keeps
    its 4 strongest joints. VRM holds no animations; `write_vrma` writes those.
    Raises InputError where the skeleton is no complete humanoid, naming the bones that it lacks.
    """
    bones = human_bones(subject.skeleton)
    # Limited first, so that the body that stands on the ground is the one in the file.
    mesh = replace(subject.mesh, weights=limit_influences(subject.mesh.weights))
    standing = stand_in_t_pose(replace(subject, mesh=mesh), height_m)
    meta = {
        "name": name,
        "version": "1.0",
        "authors": list(authors),
        "licenseUrl": _LICENSE,
        "avatarPermission": "onlyAuthor",
        "allowExcessivelyViolentUsage": False,
        "allowExcessivelySexualUsage": False,
        "commercialUsage": "personalNonProfit",
        "allowPoliticalOrReligiousUsage": False,
        "allowAntisocialOrHateUsage": False,
        "creditNotation": "required",
        "allowRedistribution": False,
        "modification": "prohibited",
    }
    extension = {"specVersion": "1.0", "meta": meta, "humanoid": _humanoid(bones)}
    write_glb(
        path,
        standing.mesh,
        standing.skeleton,
        texture=subject.texture,
        bind=standing.bind,
        name=name,
        extensions={"VRMC_vrm": extension},
    )


def write_vrma(path: str | Path, subject: Subject, clip: str, *, height_m: float = HEIGHT_M) -> None:
    """Writes one clip of a humanoid subject as a VRM animation (.vrma) that moves any VRM, whole or not at all.

    As in a GLB of ours joints turn, and the hips are shifted besides. Raises InputError where the skeleton is no
    complete humanoid or there is no such clip.
    """
    bones = {bone: joint for bone, joint in human_bones(subject.skeleton).items() if not bone.endswith("Eye")}
    standing = stand_in_t_pose(replace(subject, clips=(subject.clip(clip),)), height_m)
    extension = {"specVersion": "1.0", "humanoid": _humanoid(bones)}
    write_motion_glb(path, standing.skeleton, standing.clips[0], extensions={"VRMC_vrm_animation": extension})


def human_bones(skeleton: Skeleton) -> dict[str, int]:
    """VRM's name of a bone -> joint, for all bones that a skeleton has.

    Raises InputError where required ones are missing, or one does not hang on the bone that it should.
    """
    bones = {bone: skeleton.names.index(bone) for bone in HUMAN_BONES if bone in skeleton.names}
    missing = [bone for bone in REQUIRED_BONES if bone not in bones]
    if missing:
        raise InputError(
            f"VRM is for humanoids, and this {skeleton.plan} has no {', '.join(missing)}; export it as glb or usd"
        )
    for bone, joint in bones.items():
        wanted = HUMAN_BONES[bone]
        while wanted and wanted not in bones:
            wanted = HUMAN_BONES[wanted]
        above = skeleton.parents[joint]
        while above >= 0 and skeleton.names[above] not in bones:
            above = skeleton.parents[above]
        found = skeleton.names[above] if above >= 0 else ""
        if found != wanted:
            raise InputError(
                f"in a VRM {bone} hangs on {wanted or 'nothing'}, here on {found or 'nothing'}; export it as glb or usd"
            )
    return bones


def _humanoid(bones: dict[str, int]) -> dict[str, Any]:
    return {"humanBones": {bone: {"node": joint} for bone, joint in bones.items()}}
