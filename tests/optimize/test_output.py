"""Outputs: what cannot be made for a strange body is said, and the rest is written."""

import pytest
import torch

from zoetrope.optimize import output
from zoetrope.optimize.texture.backproject import Textures
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import OrbitCamera
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras
from zoetrope.scenes.scene import Scene


def _clips(notes: list[str]) -> set[str]:
    start = template("quadruped")
    zero = torch.zeros(3)
    hypotheses = FreeCameras(
        torch.arange(3), OrbitCamera(zero, zero, zero, zero + 3, torch.zeros(3, 2)), len(start.skeleton)
    )
    scene = Scene(PartSurfaces(start, 3, level=1), hypotheses)
    with torch.no_grad():
        hypotheses.pose.copy_(0.1 * torch.randn(hypotheses.pose.shape, generator=torch.Generator().manual_seed(0)))
        grey, trust = torch.full((3, 4, 4, 3), 0.5), torch.ones(3, 4, 4)
        textures = Textures(shared=grey[0], own=grey, trust=trust, seen=trust[0])
        subject = output._subject(scene.surface.shared(), scene.surface.skeleton(), scene, textures, notes)
    return {clip.name for clip in subject.clips}


def test_a_body_that_cannot_walk_is_kept_without_that_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    assert _clips(notes) == {"walk", "interpolate"}
    assert notes == []

    def lame(*_: object) -> None:
        raise ValueError("stride 0.4 is too long for a left_hip of 0.1")

    monkeypatch.setattr(output, "walk", lame)
    assert _clips(notes) == {"interpolate"}
    assert notes == ["the subject gets no clip of its own gait: stride 0.4 is too long for a left_hip of 0.1"]
