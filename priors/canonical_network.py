"""The network behind the embedded canonical prior: dense 3x3 convolutions, a look at the whole, a pyramid back up.

Residual stages at strides 4 to 32 (He et al., "Deep residual learning", CVPR 2016) see parts; two transformer layers
(Vaswani et al., NeurIPS 2017) on the coarsest grid and one extra token agree on what is seen from where; a feature
pyramid (Lin et al., CVPR 2017) carries both back to stride 8, sub-pixel convolutions (Shi et al., CVPR 2016) to strides
4 and 2, where a last step adds what the stem's edges tell. Convolutions are dense, since those train fast on a CPU.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..representations.tensor_structure import TensorStructure

STRIDE = 32
"""Sides of pictures are multiples of this."""


@dataclass(frozen=True)
class CanonicalLayout:
    """Sizes of the network; what it was trained to tell apart decides the last five."""

    part_count: int
    azimuth_count: int
    elevation_count: int
    plan_count: int
    species_count: int
    stem: int = 24
    widths: tuple[int, int, int, int] = (32, 80, 160, 288)
    """Channels at strides 4, 8, 16 and 32."""
    blocks: tuple[int, int, int, int] = (1, 2, 3, 2)
    """Residual blocks at each of them."""
    token_width: int = 192
    token_layers: int = 2
    pyramid: int = 64
    fine: int = 48
    """Channels at stride 4 of what comes down the pyramid."""
    edge: int = 24
    """Channels at stride 2."""
    descriptor: int = 16
    key_count: int = 512
    """Points of the reference body that have a descriptor of their own."""
    backbone: int = 0
    """Channels of a frozen network's features that come in at stride 16; 0 for a network that does without."""


class CanonicalOutput(TensorStructure):
    """What comes out for B pictures, before any meaning is given to it; logits where not said otherwise.

    h, w are half the sides of the pictures, p, q a quarter.
    """

    foreground: Float[Tensor, "B h w"]
    amodal: Float[Tensor, "B h w"]
    part: Float[Tensor, "B K h w"]
    left: Float[Tensor, "B h w"]
    canonical_xyz: Float[Tensor, "B 3 h w"]
    """On the reference body, with the distance from its plane of symmetry first."""
    log_spread: Float[Tensor, "B h w"]
    """Logarithm of the Laplace scale of `canonical_xyz`."""
    descriptor: Float[Tensor, "B D p q"]
    """Unit vectors."""
    view: Float[Tensor, "B A E"]
    plan: Float[Tensor, "B P"]
    species: Float[Tensor, "B S"]


class CanonicalNetwork(nn.Module):
    """Pictures and their masks, where there are any, to everything in `CanonicalOutput`.

    `keys` (key_count, descriptor): descriptors of points of the reference body, up to their length.
    """

    def __init__(self, layout: CanonicalLayout) -> None:
        super().__init__()
        self.layout = layout
        widths, pyramid, fine = layout.widths, layout.pyramid, layout.fine
        self.stem = _convolution(5, layout.stem, stride=2)
        self.entry = _convolution(layout.stem, widths[0], stride=2)
        stages, before = [], widths[0]
        for level, width in enumerate(widths):
            blocks = [_Residual(before, width, stride=1 if level == 0 else 2)]
            blocks += [_Residual(width, width) for _ in range(layout.blocks[level] - 1)]
            stages.append(nn.Sequential(*blocks))
            before = width
        self.stages = nn.ModuleList(stages)
        self.adapt = _adapter(layout.backbone, widths[2]) if layout.backbone else None
        self.to_tokens = nn.Linear(widths[-1], layout.token_width)
        self.whole = nn.Parameter(0.02 * torch.randn(1, 1, layout.token_width))
        self.attention = nn.ModuleList(
            nn.TransformerEncoderLayer(
                layout.token_width, layout.token_width // 32, 3 * layout.token_width,
                dropout=0.0, activation="gelu", batch_first=True, norm_first=True,
            )
            for _ in range(layout.token_layers)
        )  # fmt: skip
        self.settled = nn.LayerNorm(layout.token_width)
        sources = (*widths[1:3], layout.token_width)
        self.laterals = nn.ModuleList(nn.Conv2d(width, pyramid, 1) for width in sources)
        self.merges = nn.ModuleList(_convolution(pyramid, pyramid) for _ in range(2))
        # Four pixels are said at once: a convolution at half the resolution costs a quarter.
        self.unfold = nn.Sequential(_convolution(pyramid, 96), nn.Conv2d(96, 4 * fine, 1), nn.PixelShuffle(2))
        self.lateral = nn.Conv2d(widths[0], fine, 1)
        self.detail = nn.Sequential(_convolution(fine, fine), _Residual(fine, fine))
        self.descriptor = nn.Conv2d(fine, layout.descriptor, 1)
        self.maps = nn.Sequential(nn.Conv2d(fine, 4 * (layout.part_count + 5), 1), nn.PixelShuffle(2))
        self.lift = nn.Conv2d(fine, layout.edge, 1)
        self.edge = nn.Sequential(
            _convolution(layout.edge + layout.stem, layout.edge), _Residual(layout.edge, layout.edge)
        )
        self.sharpened = nn.Conv2d(layout.edge, 2 + layout.part_count + 5, 1)
        self.keys = nn.Parameter(torch.randn(layout.key_count, layout.descriptor))
        views = layout.azimuth_count * layout.elevation_count
        self.about = nn.Linear(layout.token_width, views + layout.plan_count + layout.species_count)

    def forward(
        self,
        pictures: Float[Tensor, "B 3 H W"],
        masks: Float[Tensor, "B H W"],
        given: Float[Tensor, " B"],
        features: Float[Tensor, "B C p q"] | None = None,
    ) -> CanonicalOutput:
        """Pictures in [0, 1], sRGB-encoded; masks count where `given` is 1, and are 0 where it is 0.

        `features` of the pictures (p = H / 16, q = W / 16) are what a network with a backbone needs besides. Raises
        ValueError where H or W is not a multiple of `STRIDE`, and where features are missing or not asked for.
        """
        entrance, *levels = self.levels(pictures, masks, given, features)
        whole, levels[-1] = self._agree(levels[-1])
        y = self.laterals[2](levels[3])
        for k in (1, 0):
            y = self.laterals[k](levels[k + 1]) + functional.interpolate(y, scale_factor=2, mode="nearest")
            y = self.merges[k](y)
        y = self.detail(functional.relu(self.unfold(y) + self.lateral(levels[0])))
        layout = self.layout
        maps, descriptor = self.maps(y), self.descriptor(y).float()
        y = functional.interpolate(self.lift(y), scale_factor=2, mode="bilinear")
        masks, change = self.sharpened(self.edge(torch.cat([y, entrance], dim=1))).split((2, maps.shape[1]), dim=1)
        foreground, amodal = masks.float().unbind(1)
        part, left, canonical_xyz, log_spread = (maps + change).float().split((layout.part_count, 1, 3, 1), dim=1)
        views = layout.azimuth_count * layout.elevation_count
        view, plan, species = self.about(whole).float().split((views, layout.plan_count, layout.species_count), dim=1)
        return CanonicalOutput(
            foreground,
            amodal,
            part,
            left[:, 0],
            canonical_xyz,
            log_spread[:, 0],
            functional.normalize(descriptor, dim=1),
            view.unflatten(1, (layout.azimuth_count, layout.elevation_count)),
            plan,
            species,
        )

    def levels(
        self,
        pictures: Float[Tensor, "B 3 H W"],
        masks: Float[Tensor, "B H W"],
        given: Float[Tensor, " B"],
        features: Float[Tensor, "B C p q"] | None = None,
    ) -> list[Float[Tensor, "B _ _ _"]]:
        """What the convolutions on the way down give for the same: the stem's maps and those of each stage."""
        height, width = pictures.shape[2:]
        if height % STRIDE or width % STRIDE:
            raise ValueError(f"pictures are {width}x{height}; both sides must be multiples of {STRIDE}")
        if (features is None) != (self.adapt is None):
            raise ValueError(f"features are {'missing' if features is None else 'of no use here'}; see the layout")
        flags = given[:, None, None, None].expand(-1, 1, height, width)
        levels = [self.stem(torch.cat([4 * pictures - 2, masks[:, None], flags], dim=1))]
        x = self.entry(levels[0])
        for level, stage in enumerate(self.stages):
            x = stage(x)
            if level == 2 and self.adapt is not None and features is not None:
                x = functional.relu(x + self.adapt(features.to(x.dtype)))
            levels.append(x)
        return levels

    def _agree(self, x: Float[Tensor, "B C h w"]) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T h w"]]:
        """What is seen as a whole, and the grid of those who know it."""
        height, width = x.shape[2:]
        places = _places(height, width, self.layout.token_width, x.device)
        tokens = self.to_tokens(x.flatten(2).transpose(1, 2)) + places
        tokens = torch.cat([self.whole.expand(len(x), -1, -1).to(tokens.dtype), tokens], dim=1)
        for layer in self.attention:
            tokens = layer(tokens)
        tokens = self.settled(tokens)
        return tokens[:, 0], tokens[:, 1:].transpose(1, 2).unflatten(2, (height, width))


def fold_sides(network: CanonicalNetwork) -> CanonicalNetwork:
    """A copy that is not to be trained: its norms are taken into the convolutions before them, which saves a tenth."""
    copied = copy.deepcopy(network).eval()
    for module in copied.modules():
        if not isinstance(module, nn.Sequential):
            continue
        for k in range(len(module) - 1):
            first, second = module[k], module[k + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[k], module[k + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return copied.requires_grad_(False).to(memory_format=torch.channels_last)


class _Residual(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _convolution(before, after, stride=stride)
        norm = nn.BatchNorm2d(after)
        # Each block begins as the identity (Goyal et al. 2017, section 5.1).
        nn.init.zeros_(norm.weight)
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, padding=1, bias=False), norm)
        self.skip = nn.Identity()
        if stride != 1 or before != after:
            pooled = nn.AvgPool2d(stride) if stride != 1 else nn.Identity()
            self.skip = nn.Sequential(pooled, nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(self.first(x)) + self.skip(x))


def _adapter(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def _places(height: int, width: int, channels: int, device: torch.device) -> Float[Tensor, "N C"]:
    """Sines of where in the picture a token lies, from its middle out, so that any size can be read."""
    rows = torch.linspace(-1, 1, height, device=device)[:, None].expand(height, width)
    columns = torch.linspace(-1, 1, width, device=device).expand(height, width)
    octaves = 2.0 ** torch.arange(channels // 4, device=device).div(channels // 4 / 5) * (math.pi / 2)
    waves = torch.cat([axis.reshape(-1, 1) * octaves for axis in (rows, columns)], dim=1)
    return torch.cat([waves.sin(), waves.cos()], dim=1)
