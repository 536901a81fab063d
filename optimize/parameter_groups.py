"""Which variables of a scene a stage moves, and how fast."""

from __future__ import annotations

from typing import Any

import torch

from ..representations.part_surface import PartSurfaces
from ..scenes.known_placement import KnownPlacement
from ..scenes.placement import Placement
from ..scenes.scene import Scene
from .stage import Free, Rates


def parameter_groups(scene: Scene, free: frozenset[Free], rates: Rates) -> list[dict[str, Any]]:
    """Adam's parameter groups of what is free; everything else gets no gradient."""
    placement, surface = scene.placement, scene.surface
    owned: dict[Free, list[tuple[torch.nn.Parameter, float]]] = {
        "pose": [(placement.pose, rates.pose)],
        "rest_pose": [(scene.rest_pose, rates.rest_pose)],
        "deformation": [(surface.coefficients, rates.deformation)],
        "instance": [(surface.instance_coefficients, rates.instance)],
    }
    if isinstance(placement, Placement):
        owned["camera"] = [
            (placement.azimuth, rates.angle),
            (placement.elevation, rates.angle),
            (placement.roll, rates.angle),
            (placement.log_distance, rates.distance),
            (placement.offset, rates.offset),
        ]
        if bool(placement.unknown.any()):
            owned["lens"] = [(placement.log_focal, rates.lens)]
    if isinstance(placement, KnownPlacement):
        # Known cameras stay; what is free is where the subject stands, and each body's own motion with its pose.
        owned["camera"] = [
            (placement.yaw, rates.angle),
            (placement.tilt, rates.angle),
            (placement.log_scale, rates.distance),
            (placement.shift, rates.offset),
        ]
        owned["pose"] += [(placement.turn, rates.angle), (placement.step, rates.offset)]
        if placement.still:
            owned["pose"] = [(placement.common_pose, rates.pose)]
            # The one body's own shape is the one that all photos share.
            owned["instance"] = [] if "deformation" in free else owned["deformation"]
    if isinstance(surface, PartSurfaces):
        owned["length"] = [(surface.log_length, rates.length)]
        owned["girth"] = [(surface.log_girth, rates.girth)]
        owned["attachment"] = [(surface.shift, rates.attachment)]
    for parameter in scene.parameters():
        parameter.requires_grad_(False)
    groups = []
    for name in owned:
        if name in free:
            for parameter, rate in owned[name]:
                parameter.requires_grad_(True)
                groups.append({"params": [parameter], "lr": rate, "base": rate})
    return groups
