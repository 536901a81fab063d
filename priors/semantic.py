"""Dense features of pictures from a pretrained vision network: alike where the parts of animals are alike.

Transformers give the tokens of one layer, or its attention keys as LASSIE uses them (Yao et al., NeurIPS 2022; after
Amir et al., Deep ViT Features as Dense Visual Descriptors, 2021). Convolutional networks give hypercolumns, whose
levels are brought to one stride and to one length, so that none drowns the others,

    f = (f_1 / |f_1|, ..., f_L / |f_L|) / sqrt(L)

Either way a cell's feature has unit length, and cell (i, j) stands for the pixels [i * stride, (i + 1) * stride) x
[j * stride, (j + 1) * stride). A picture of any size and aspect is taken as it is: its last row and column are repeated
up to the next whole cell, and a transformer's position encodings are resampled to its grid.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize, pad

from ..representations.tensor_structure import TensorStructure
from .hypercolumn import hypercolumns, padding_step
from .timm_network import TimmNetwork, load_timm


@dataclass(frozen=True)
class FeatureOptions:
    """Which features of a network."""

    facet: Literal["tokens", "keys"] = "tokens"
    """Of transformers: the tokens after a layer, under the network's last norm, or the keys of the layer's attention,
    all heads side by side."""
    layer: int = -1
    """Of transformers: which layer, from the front or (negative) from the back."""
    levels: tuple[int, ...] | None = None
    """Of convolutional networks: which levels, finest first; None means all from stride 4 on."""
    stride: int = 8
    """Of convolutional networks: pixels per cell of the result."""
    batch: int = 8
    """Pictures that go through the network at once; changes the speed, not the result."""


class FeatureMaps(TensorStructure):
    """What a network says about pictures."""

    features: Float[Tensor, "B C h w"]
    """Of unit length in each cell, float32."""
    attention: Float[Tensor, "B h w"] | None
    """How much the class token of the last layer looks at each cell, mean over the heads, sums to 1 at most; None for
    networks without a class token. A first guess at what a picture shows (Caron et al., ICCV 2021)."""


class SemanticNetwork:
    """A frozen network that gives dense features.

    network: what `load_timm` gives; `load_semantic` does both.
    Raises ValueError where the options do not fit the network.
    """

    def __init__(
        self,
        network: TimmNetwork,
        options: FeatureOptions | None = None,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> None:
        options = options or FeatureOptions()
        self.device = torch.device(device)
        # Half precision where it is fast; a CPU would be slower with it.
        self.dtype = dtype or (torch.float16 if self.device.type == "cuda" else torch.float32)
        self.name = network.name
        self._network, self._options = network, options
        self._module: Any = network.module.to(self.device, self.dtype)
        if not hasattr(self._module, "forward_intermediates"):
            raise ValueError(f"{network.name} gives no intermediate features in timm; take another network")
        self._transformer = hasattr(self._module, "blocks") and getattr(self._module, "dynamic_img_size", False)
        if self._transformer:
            self.stride = int(self._module.patch_embed.patch_size[0])
            self._cell = self.stride
            self._layer = _layer(self._module, options, network.name)
        else:
            self.stride = options.stride
            reductions = [int(info["reduction"]) for info in self._module.feature_info]
            self._levels = _levels(reductions, options, network.name)
            self._step = padding_step(self._module)
            self._cell = max(options.stride, *(reductions[level] for level in self._levels))
        kept = asdict(options) | {"batch": 0, "dtype": str(self.dtype)}
        self.identity = f"{network.identity} {sorted(kept.items())}"
        """Equal for networks and options that give equal features; a key for caches."""

    def features(self, pictures: Float[Tensor, "B H W 3"]) -> Float[Tensor, "B C h w"]:
        """Features of pictures in [0, 1], sRGB-encoded; h = ceil(H / stride), w = ceil(W / stride)."""
        return self.describe(pictures).features

    @torch.inference_mode()
    def describe(self, pictures: Float[Tensor, "B H W 3"]) -> FeatureMaps:
        """Features and, where the network has a class token, its attention; on the device of the pictures."""
        height, width = pictures.shape[1:3]
        beyond = (0, -width % self._cell, 0, -height % self._cell)
        size = ceil(height / self.stride), ceil(width / self.stride)
        maps = []
        for batch in pictures.split(self._options.batch):
            planes = batch.to(self.device).permute(0, 3, 1, 2)
            planes = pad(self._network.normalized(planes), beyond, mode="replicate").to(self.dtype)
            features, attention = self._tokens(planes) if self._transformer else (self._hypercolumns(planes), None)
            maps.append((features[..., : size[0], : size[1]].to(pictures.device), attention))
        attention = None if maps[0][1] is None else torch.cat([one for _, one in maps]).to(pictures.device)
        # Clones of what was made in inference mode may take part in later gradients.
        with torch.inference_mode(False):
            return FeatureMaps(
                torch.cat([one for one, _ in maps]).clone(), None if attention is None else attention.clone()
            )

    def _tokens(self, planes: Tensor) -> tuple[Tensor, Tensor | None]:
        blocks, last = self._module.blocks, len(self._module.blocks) - 1
        seen: dict[int, Tensor] = {}
        looked_at = {self._layer, last} if hasattr(blocks[last].attn, "qkv") else set()
        handles = [
            blocks[layer].attn.qkv.register_forward_hook(lambda _, __, made, layer=layer: seen.update({layer: made}))
            for layer in looked_at
        ]
        try:
            (tokens,) = self._module.forward_intermediates(
                planes, indices=[self._layer], norm=True, intermediates_only=True
            )
        finally:
            for handle in handles:
                handle.remove()
        grid = tokens.shape[2:]
        if self._options.facet == "keys":
            keys = _queries_and_keys(blocks[self._layer].attn, seen[self._layer])[1]
            tokens = keys.transpose(1, 2).flatten(2)[:, self._module.num_prefix_tokens :].transpose(1, 2)
            tokens = tokens.unflatten(2, grid)
        attention = None
        if last in seen and getattr(self._module, "cls_token", None) is not None:
            attention = _class_attention(blocks[last].attn, seen[last], self._module.num_prefix_tokens)
            attention = attention.unflatten(1, grid)
        return normalize(tokens.float(), dim=1), attention

    def _hypercolumns(self, planes: Tensor) -> Tensor:
        size = planes.shape[2] // self.stride, planes.shape[3] // self.stride
        levels = self._module.forward_intermediates(planes, indices=list(self._levels), intermediates_only=True)
        return hypercolumns(levels, size, self.stride, self._step)


def load_semantic(
    name: str,
    *,
    offline: bool = False,
    device: torch.device | str = "cpu",
    options: FeatureOptions | None = None,
    dtype: torch.dtype | None = None,
) -> SemanticNetwork:
    """The network that `--semantic` names: timm:NAME, timm:FOLDER or timm:ARCHITECTURE@FILE, see `timm_network`.

    offline: only what is already on this machine is used. dtype: half precision on a GPU and float32 elsewhere unless
    given. Raises ValueError or OSError, one line with the option and its offline choice.
    """
    try:
        return SemanticNetwork(load_timm(name, offline=offline), options, device=device, dtype=dtype)
    except (ValueError, OSError) as error:
        raise type(error)(f"--semantic {name}: {error}; --semantic embedded needs no download") from error


def _layer(module: Any, options: FeatureOptions, name: str) -> int:
    count = len(module.blocks)
    if not -count <= options.layer < count:
        raise ValueError(
            f"{name} has {count} layers and layer {options.layer} was asked for; give -{count}..{count - 1}"
        )
    if options.facet == "keys" and not hasattr(module.blocks[options.layer].attn, "qkv"):
        raise ValueError(f"{name} keeps its keys apart from its queries; take the facet tokens")
    return options.layer % count


def _levels(reductions: list[int], options: FeatureOptions, name: str) -> tuple[int, ...]:
    levels = options.levels
    if levels is None:
        levels = tuple(level for level, reduction in enumerate(reductions) if reduction >= 4)
    if not levels or not set(levels) <= set(range(len(reductions))):
        raise ValueError(f"{name} has levels 0..{len(reductions) - 1} and {levels} were asked for")
    if any(max(r, options.stride) % min(r, options.stride) for r in (reductions[level] for level in levels)):
        raise ValueError(f"{name} has strides {reductions}; a stride of {options.stride} does not fit them")
    return tuple(sorted(levels))


def _queries_and_keys(attention: Any, joint: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys (B, heads, N, D), under their norms where the network has such, from the joint projection."""
    queries, keys, _ = joint.unflatten(2, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
    return attention.q_norm(queries), attention.k_norm(keys)


def _class_attention(attention: Any, joint: Tensor, prefix: int) -> Tensor:
    queries, keys = _queries_and_keys(attention, joint)
    scores = (queries[:, :, :1].float() @ keys.float().transpose(-2, -1)) * attention.scale
    return scores.softmax(-1)[:, :, 0, prefix:].mean(1)
