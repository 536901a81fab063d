"""An animation's frames as a diffusion prior would have them, by DASS frame by frame or by T-DASS together, and what
that comes to in the subject's texture.

The prior sees the frames at its own size, the subject on a plain ground. What it changes is kept, as a difference to
the rendering, so that it can be laid over larger frames, and painted back: a texel takes the mean of what all frames
change of it, by how squarely they show it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from ...priors.diffusion.guidance import GuidanceConfig
from ...priors.diffusion.prior import DiffusionPrior
from ...priors.distillation.critic import Critic
from ...priors.distillation.noise_range import NoiseRange
from ...priors.distillation.t_dass import TDassConfig, t_dass
from ...priors.distillation.warp import Warp
from ...representations.atlas import dilate, texel_positions
from ...representations.tensor_structure import TensorStructure
from ...scenes.preview.animation import Animation
from ..texture.backproject import seen_by_texels

Refinement = Literal["dass", "tdass"]

_TIES = (1, 2, 4, 8)
"""How many frames apart frames are tied."""
_EVIDENCE = 0.5
"""Summed weight of frames at which a texel takes half of what they change."""
_BAKED = 32
"""Most frames that are painted back."""


@dataclass(frozen=True, kw_only=True)
class RefineConfig:
    """How the prior is asked."""

    kind: Refinement = "tdass"
    noise: NoiseRange = field(default_factory=lambda: NoiseRange(first=0.35, last=0.1, kind="falling"))
    steps: int = 8
    """Of the walk in latents."""
    guidance: GuidanceConfig = field(default_factory=lambda: GuidanceConfig(scale=7.5))
    negatives: bool = True
    """Whether prompts say what is not to be seen."""
    tie: TDassConfig = field(default_factory=TDassConfig)


class RefinedAnimation(TensorStructure):
    """F frames at the prior's size."""

    rendered: Float[Tensor, "F 3 s s"]
    """sRGB-encoded, as are all."""
    refined: Float[Tensor, "F 3 s s"]
    covered: Float[Tensor, "F s s"]
    """Share of each pixel that shows the subject."""
    warps: tuple[Warp, ...]
    """To the next frames and the ones before, as far as these are tied."""

    @property
    def change(self) -> Float[Tensor, "F 3 s s"]:
        """Of the subject alone."""
        return self.refined - self.rendered

    def over(self, frames: Float[Tensor, "P S S 3"], first: int) -> Float[Tensor, "P S S 3"]:
        """Larger renderings of the frames from the `first` on, with the change laid over them."""
        size = (frames.shape[1], frames.shape[2])
        change = interpolate(self.change[first : first + len(frames)], size, mode="bilinear", antialias=True)
        return (frames + change.permute(0, 2, 3, 1)).clamp(0, 1)


def refine_animation(
    animation: Animation,
    texture: Float[Tensor, "R R 3"],
    prior: DiffusionPrior,
    subject: str,
    config: RefineConfig,
    generator: torch.Generator,
) -> RefinedAnimation:
    """The frames of `animation`, refined; `texture` is sRGB-encoded in [0, 1].

    The animation is drawn where it is, its frames are refined where the prior is, and come back.
    """
    size = prior.picture_size
    prints = [animation.draw(part, texture, size) for part in animation.parts()]
    rendered = torch.cat([one.color for one in prints]).permute(0, 3, 1, 2).contiguous()
    covered = torch.cat([one.coverage for one in prints])
    home, device = rendered.device, prior.device
    azimuth, elevation = animation.camera.azimuth_deg.to(device), animation.camera.elevation_deg.to(device)
    critic = Critic.from_where(prior, subject, azimuth, elevation, config.guidance, config.negatives)
    places = [config.noise.at(k / max(config.steps - 1, 1), 1, generator) for k in range(config.steps)]
    levels = [prior.schedule.at(place.to(device)) for place in places]
    warps = ties(animation, size, covered)
    tied = [warp.to(device) for warp in warps] if config.kind == "tdass" else []
    refined = t_dass(critic, rendered.to(device), tied, levels, generator, config.tie, covered.to(device))
    return RefinedAnimation(rendered, refined.to(home), covered, warps)


def ties(animation: Animation, size: int, covered: Float[Tensor, "F s s"]) -> tuple[Warp, ...]:
    """Warps between frames that are a few apart, there and back; of a video that closes, across its end as well."""
    count, warps = len(animation), []
    for step in _TIES:
        for there in (step, -step):
            if step * 2 > count:
                continue
            frames = torch.arange(count, device=covered.device)
            other = (frames + there) % count if animation.closes else (frames + there).clamp(0, count - 1)
            flows = [animation.flow(part, other[part], size) for part in animation.parts()]
            shift = torch.cat([flow.shift for flow in flows])
            # The ground stands still, wherever both frames show it.
            both = (covered == 0) & (covered[other] == 0)
            seen = (torch.cat([flow.visible for flow in flows]) | both).float()
            warps.append(Warp.of(other, shift, seen * (other != frames)[:, None, None]))
    return tuple(warps)


def baked(animation: Animation, texture: Float[Tensor, "R R 3"], refined: RefinedAnimation) -> Float[Tensor, "R R 3"]:
    """The texture with what the frames change of it; what no frame shows stays. The mesh must have uv."""
    mesh = animation.mesh
    assert mesh.uv is not None
    assert mesh.uv_faces is not None
    face_map, bary_map = texel_positions(mesh.uv, mesh.uv_faces, texture.shape[0])
    inside = face_map >= 0
    face, bary = face_map[inside], bary_map[inside]
    change = torch.zeros(len(face), 3, device=face.device)
    evidence = torch.zeros(len(face), device=face.device)
    count = len(animation)
    chosen = sorted({k * count // _BAKED for k in range(_BAKED)}) if count > _BAKED else range(count)
    lens = animation.lens(1, refined.rendered.shape[2])
    for k in chosen:
        one = slice(k, k + 1)
        pixels = refined.change[one].permute(0, 2, 3, 1).contiguous()
        camera = animation.camera.select(one)
        found, weight = seen_by_texels(
            animation.vertices[one], mesh.faces, face, bary, camera, lens, pixels, refined.covered[one]
        )
        change, evidence = change + weight[:, None] * found, evidence + weight
    whole = texture.clone()
    share = change / (evidence + _EVIDENCE)[:, None]
    whole[inside] = (texture[inside] + share).clamp(0, 1)
    return dilate(whole, inside)
