"""Which variables of a scene a stage moves, and how fast."""

from __future__ import annotations

from typing import Any

import torch

from ...representations.surfaces.part_surface import PartSurfaces
from ...scenes.hypotheses import FreeCameras
from ...scenes.known_cameras import KnownCameras
from ...scenes.scene import Scene
from .stage import Free, LearningRates


def parameter_groups(scene: Scene, free: frozenset[Free], rates: LearningRates) -> list[dict[str, Any]]:
    """Adam's parameter groups of what is free; everything else gets no gradient."""
    hypotheses, surface = scene.hypotheses, scene.surface
    owned: dict[Free, list[tuple[torch.nn.Parameter, float]]] = {
        "pose": [(hypotheses.pose, rates.pose)],
        "rest_pose": [(scene.rest_pose, rates.rest_pose)],
        "deformation": [(surface.coefficients, rates.deformation)],
        "instance": [(surface.instance_coefficients, rates.instance)],
    }
    if isinstance(hypotheses, FreeCameras):
        owned["camera"] = [
            (hypotheses.azimuth, rates.angle),
            (hypotheses.elevation, rates.angle),
            (hypotheses.roll, rates.angle),
            (hypotheses.log_distance, rates.distance),
            (hypotheses.offset, rates.offset),
        ]
        if bool(hypotheses.unknown.any()):
            owned["lens"] = [(hypotheses.log_focal, rates.lens)]
    if isinstance(hypotheses, KnownCameras):
        # Known cameras stay; what is free is where the subject stands, and each body's own motion with its pose.
        owned["camera"] = [
            (hypotheses.yaw, rates.angle),
            (hypotheses.tilt, rates.angle),
            (hypotheses.log_scale, rates.distance),
            (hypotheses.shift, rates.offset),
        ]
        owned["pose"] += [(hypotheses.turn, rates.angle), (hypotheses.step, rates.offset)]
        if hypotheses.still:
            owned["pose"] = [(hypotheses.common_pose, rates.pose)]
            # The one body's own shape is the one that all photos share.
            owned["instance"] = [] if "deformation" in free else owned["deformation"]
    if isinstance(surface, PartSurfaces):
        owned["length"] = [(surface.log_length, rates.length)]
        owned["radius"] = [(surface.log_radius, rates.radius)]
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
