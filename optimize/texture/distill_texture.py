"""The shared texture where photos say little, as a prior would have it.

In each round the subject is explored from a few sides, a rule says where these pictures should go in what no photo
shows of them, and the texture follows for some steps, each drawn anew: the answer of a large network serves several
steps of a small renderer. What changes is a field of colours on the vertices of the mesh, split until its edges are
about as long as the prior's pixels are wide, which is added to the photos' texture: it has no seams, and nothing finer
than the prior can see. Texels stay near their colours by how much photos show of them:

    loss = mean over pictures of the rule's pull + a mean over texels of s / (s + s0) |change|^2
           + b mean over edges of |difference of change|^2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...representations.atlas import dilate, texel_positions
from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh, edges, subdivide
from ...representations.rendering.render import Material
from ...representations.rendering.topology import Topology
from ...representations.tensor_structure import TensorStructure
from .distillation_rule import Pull
from .exploration import Exploration, ExplorationConfig, draw_views, explore

TextureRule = Callable[[Tensor, Exploration, float], Pull]
"""From pictures (B, 3, S, S), the views they show, and how much of the work is over, to where they should go."""

_EVIDENCE = 0.3
"""Summed weight of photos at which a texel is half held."""
_PIXELS = 2.0
"""Mean length of an edge of the field of colours, in pixels of the pictures that are explored."""
_MOST_SPLITS = 3


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
    """Adam's learning rate of colours at the beginning, in parts of their range; it falls to a tenth."""
    hold: float = 4.0
    """How strongly texels are held that photos show."""
    smooth: float = 0.1
    """How strongly neighbours are held together, the length of an edge apart."""
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)


class Round(TensorStructure):
    """What one round has come to."""

    number: int
    pictures: Float[Tensor, "B 3 S S"]
    """As they were at its beginning."""
    wanted: Pull
    """Where the rule would have them."""
    pull: float
    """Mean loss at its end."""
    texture: Float[Tensor, "R R 3"]
    """After it, sRGB-encoded in [0, 1]."""


def distil_texture(
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    poses: Float[Tensor, "P J 4"],
    texture: Float[Tensor, "R R 3"],
    seen: Float[Tensor, "R R"],
    rule: TextureRule,
    config: DistilConfig,
    generator: torch.Generator,
) -> Iterator[Round]:
    """Rounds, each with the texture after it; `seen`: summed weights of the photos that show a texel. `mesh` must have
    texture coordinates; `texture` is sRGB-encoded in [0, 1] and is left as it is.

    Raises FloatingPointError, naming the round, where the rule comes to something that is not finite.
    """
    start, change = texture.detach(), _Field(mesh, texture.shape[0], config.exploration)
    known = (seen / (seen + _EVIDENCE))[..., None].expand(-1, -1, 3)
    held = known[change.covered][:, :1]
    optimizer = torch.optim.Adam([change.colors], lr=config.rate, betas=(0.9, 0.99))
    topology = Topology.of(mesh.faces)

    def paint(texels: Tensor) -> Material:
        return Material(texture=texels, uv=mesh.uv, uv_faces=mesh.uv_faces)

    for number in range(config.rounds):
        with torch.no_grad():
            drawn = draw_views(len(poses), config.batch, config.exploration, generator)
            views = explore(drawn, mesh, skeleton, poses, config.exploration, topology).knowing(paint(known))
            before = views.pictures(paint(change.added_to(start)))
        try:
            wanted = rule(before, views, number / config.rounds)
        except FloatingPointError as error:
            raise FloatingPointError(f"round {number}: {error}") from error
        pull = torch.zeros((), device=start.device)
        optimizer.param_groups[0]["lr"] = config.rate * (1 - 0.9 * number / config.rounds)
        for _ in range(config.steps):
            optimizer.zero_grad(set_to_none=True)
            pull = wanted.loss(views.pictures(paint(change.added_to(start)))).mean()
            hold = config.hold * (held * change.of_texels().square()).mean()
            (pull + hold + config.smooth * change.roughness()).backward()
            optimizer.step()
        with torch.no_grad():
            after = dilate(change.added_to(start), change.covered)
        yield Round(number, before, wanted, float(pull.detach()), after)


class _Field:
    """Colours on the vertices of a split mesh, and what they come to in the texels of its atlas."""

    colors: Float[Tensor, "W 3"]
    """The free ones, zero at first."""
    covered: Bool[Tensor, "R R"]
    """Texels that belong to the surface."""

    def __init__(self, mesh: SkinnedMesh, resolution: int, config: ExplorationConfig) -> None:
        if mesh.uv is None or mesh.uv_faces is None:
            raise ValueError("a texture needs texture coordinates; unwrap the mesh first (representations.atlas)")
        points, faces, uv, uv_faces = mesh.vertices, mesh.faces, mesh.uv, mesh.uv_faces
        for _ in range(_splits(mesh, config)):
            points, faces = subdivide(points, faces)
            uv, uv_faces = subdivide(uv, uv_faces)
        face, bary = texel_positions(uv, uv_faces, resolution)
        self.covered = face >= 0
        self._corners: Int[Tensor, " T*3"] = faces[face[self.covered]].reshape(-1)
        self._share: Float[Tensor, "T 3 1"] = bary[self.covered][..., None]
        self.colors = torch.zeros_like(points).requires_grad_()
        self._ends = edges(faces)

    def of_texels(self) -> Float[Tensor, "T 3"]:
        """At the texels that are covered."""
        return (self.colors.index_select(0, self._corners).reshape(-1, 3, 3) * self._share).sum(1)

    def roughness(self) -> Float[Tensor, ""]:
        """Mean square of the differences along edges."""
        ends = self.colors.index_select(0, self._ends.reshape(-1)).reshape(-1, 2, 3)
        return (ends[:, 0] - ends[:, 1]).square().mean()

    def added_to(self, texture: Float[Tensor, "R R 3"]) -> Float[Tensor, "R R 3"]:
        """The texture with these colours on top, within [0, 1]."""
        place = self.covered.nonzero(as_tuple=True)
        return texture.index_put(place, (texture[place] + self.of_texels()).clamp(0, 1))


def _splits(mesh: SkinnedMesh, config: ExplorationConfig) -> int:
    """How often faces have to be split in four."""
    ends = mesh.vertices[edges(mesh.faces)]
    height = float((mesh.vertices.amax(0) - mesh.vertices.amin(0)).max())
    pixels = float((ends[:, 0] - ends[:, 1]).norm(dim=1).mean()) / height * (1 - 2 * config.margin) * config.size
    splits = 0
    while pixels > _PIXELS and splits < _MOST_SPLITS:
        pixels, splits = pixels / 2, splits + 1
    return splits
