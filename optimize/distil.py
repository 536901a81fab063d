"""The shared texture where photos say little, as a prior would have it.

In each round the subject is explored from a few sides, a rule says where these pictures should go, and the texture
follows for some steps, each drawn anew: the answer of a large network serves several steps of a small renderer. Texels
stay near their colours by how much photos show of them:

    loss = mean over pictures of the rule's pull + a mean over texels of s / (s + s0) |texel - photos|^2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..representations.atlas import dilate
from ..representations.mesh import SkinnedMesh
from ..representations.rendering.render import Paint
from ..representations.rendering.topology import Topology
from ..representations.skeleton import Skeleton
from .distillation_rule import Pull
from .exploration import Exploration, ExplorationConfig, explore

Rule = Callable[[Tensor, Exploration, float], Pull]
"""From pictures (B, 3, S, S), the views they show, and how much of the work is over, to where they should go."""

_EVIDENCE = 0.3
"""Summed weight of photos at which a texel is half held."""


@dataclass(frozen=True)
class DistilConfig:
    """How long and how strongly."""

    rounds: int = 60
    """Answers that are asked for."""
    steps: int = 4
    """Steps that each answer serves."""
    batch: int = 4
    """Views in each."""
    rate: float = 0.02
    """Adam's learning rate of texels, in parts of the range of colours."""
    hold: float = 4.0
    """How strongly texels are held that photos show."""
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)


@dataclass(frozen=True)
class Round:
    """What one round has come to."""

    number: int
    pictures: Float[Tensor, "B 3 S S"]
    """As they were at its beginning."""
    shown: Float[Tensor, "B 3 s s"]
    """Where the rule would have them."""
    pull: float
    """Mean loss at its end."""


def distil_texture(
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    poses: Float[Tensor, "P J 4"],
    texture: Float[Tensor, "R R 3"],
    seen: Float[Tensor, "R R"],
    covered: Bool[Tensor, "R R"],
    rule: Rule,
    config: DistilConfig,
    generator: torch.Generator,
) -> Iterator[tuple[Round, Float[Tensor, "R R 3"]]]:
    """Rounds, each with the texture after it; `seen`: summed weights of the photos that show a texel, `covered`: texels
    that belong to the surface. `texture` is sRGB-encoded in [0, 1] and is left as it is.

    Raises FloatingPointError, naming the round, where the rule comes to something that is not finite.
    """
    start, held = texture.detach(), (seen / (seen + _EVIDENCE))[..., None]
    free = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([free], lr=config.rate, betas=(0.9, 0.99))
    topology = Topology.of(mesh.faces)

    def paint(texels: Tensor) -> Paint:
        return Paint(texture=texels, uv=mesh.uv, uv_faces=mesh.uv_faces)

    for number in range(config.rounds):
        with torch.no_grad():
            views = explore(mesh, skeleton, poses, config.batch, config.exploration, generator, topology)
            before = views.pictures(paint(free))
        try:
            wanted = rule(before, views, number / config.rounds)
        except FloatingPointError as fault:
            raise FloatingPointError(f"round {number}: {fault}") from fault
        pull = torch.zeros(())
        for _ in range(config.steps):
            optimizer.zero_grad(set_to_none=True)
            pull = wanted.loss(views.pictures(paint(free))).mean()
            hold = config.hold * (held * (free - start).square())[covered].mean()
            (pull + hold).backward()
            optimizer.step()
            with torch.no_grad():
                free.clamp_(0, 1)
        yield (
            Round(number, before, wanted.shown, float(pull.detach())),
            dilate(free.detach() * covered[..., None], covered),
        )
