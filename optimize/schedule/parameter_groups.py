"""Which variables of a scene a stage moves, and how fast."""

from __future__ import annotations

from typing import Any

from torch.nn import Parameter

from ...scenes.scene import Scene
from .stage import Free, LearningRates


def parameter_groups(scene: Scene, free: frozenset[Free], rates: LearningRates) -> list[dict[str, Any]]:
    """Adam's parameter groups of what is free; everything else gets no gradient."""
    owned: dict[str, list[tuple[Parameter, str]]] = {"rest_pose": [(scene.rest_pose, "rest_pose")]}
    for name, group in (*scene.hypotheses.parameter_groups().items(), *scene.surface.parameter_groups().items()):
        owned[name] = [*owned.get(name, []), *group]
    if scene.hypotheses.one_shape:
        # The one body's own shape is the one that all photos share.
        owned["instance"] = [] if "deformation" in free else owned["deformation"]
    for parameter in scene.parameters():
        parameter.requires_grad_(False)
    groups = []
    for name in sorted(set(owned) & free):
        for parameter, kind in owned[name]:
            parameter.requires_grad_(True)
            rate = getattr(rates, kind)
            groups.append({"params": [parameter], "lr": rate, "base": rate})
    return groups
