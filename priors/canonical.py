"""The embedded canonical prior: from a photo to where on the reference body each of its pixels lies.

A pixel of a giraffe's knee and one of a cat's knee get the same coordinates, so photos of different poses, individuals
and species are matched through the body instead of through their colours. Left or right is told apart from the rest:
where a picture does not decide it, the place is right up to a mirror image, and the odds say so.

Maps come with their own doubt, `spread`; the network looks at each picture and at its mirror image, and where the two
looks disagree the doubt grows by half of what they differ.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ..representations.tensor_structure import TensorStructure
from .canonical_network import STRIDE, CanonicalLayout, CanonicalNetwork, CanonicalOutput, fold_sides
from .semantic import SemanticNetwork, load_semantic

CANONICAL_FORMAT_VERSION = 2
"""Of weight files."""
CANONICAL_INPUT_SIZE = 192
"""Side of the square pictures that the network looks at."""
_AT_ONCE = 32
_FEATURE_STRIDE = 16


@dataclass(frozen=True)
class CanonicalMeaning:
    """What the network's outputs stand for; travels with the weights."""

    chart_version: int
    """Of the reference body; see `representations.chart`."""
    parts: tuple[str, ...]
    """Kinds of parts, without their side."""
    plans: tuple[str, ...]
    species: tuple[str, ...]
    azimuth_count: int
    """Bins of 360 / azimuth_count degrees; bin 0 begins at the subject's front, and its left is at 90 degrees."""
    elevation_edges_deg: tuple[float, ...]
    """Borders of the bins of elevation, rising; cameras beyond count as in the outermost ones."""
    backbone: str = ""
    """Name of the frozen network whose features it was trained on, as `load_semantic` takes it; "" for none."""
    meshes: tuple[str, ...] = ()
    """Names of rigged meshes whose photos it has seen besides those of the zoo."""


class CanonicalMaps(TensorStructure):
    """What the canonical network says of B pictures; maps have the pictures' aspect at a lower resolution."""

    foreground: Float[Tensor, "B H W"]
    """Probability that a pixel shows the subject."""
    amodal: Float[Tensor, "B H W"]
    """Probability that the subject is there, in view or behind something."""
    part: Float[Tensor, "B K H W"]
    """Probabilities of kinds of parts, without their side, where the subject is in view."""
    left: Float[Tensor, "B H W"]
    """Probability that a pixel shows the subject's left half."""
    canonical_xyz: Float[Tensor, "B H W 3"]
    """On the reference body; x is the distance from the plane of symmetry, so never negative."""
    spread: Float[Tensor, "B H W"]
    """Laplace scale of the error of `canonical_xyz`, in its units."""
    descriptor: Float[Tensor, "B D H W"]
    """Unit vectors."""
    view: Float[Tensor, "B A E"]
    """Probabilities of the camera's azimuth and elevation; see `CanonicalMeaning` for the bins."""
    plan: Float[Tensor, "B P"]
    """Probabilities of body plans."""
    species: Float[Tensor, "B S"]


class CanonicalPrior:
    """A trained network and what it means."""

    def __init__(
        self, network: CanonicalNetwork, meaning: CanonicalMeaning, backbone: SemanticNetwork | None = None
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.meaning = meaning
        self.backbone = backbone

    @cached_property
    def _eye(self) -> CanonicalNetwork:
        """The network as it was when it first looked, in its fastest form."""
        return fold_sides(self.network)

    @classmethod
    def load(
        cls, path: Path, chart_version: int, device: torch.device | str = "cpu", *, offline: bool = False
    ) -> CanonicalPrior:
        """Reads a file that `save_canonical` wrote, and the backbone it names, which `offline` must be there already.

        Raises ValueError, in one line, for anything else and for weights that were trained on another chart, and
        OSError for a backbone that cannot be had.
        """
        try:
            with safe_open(path, "pt") as file:
                header = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path} cannot be read as safetensors ({error})") from error
        if header.get("format_version") != str(CANONICAL_FORMAT_VERSION):
            found = header.get("format_version", "none")
            raise ValueError(
                f"{path} has format version {found}; expected the canonical prior's {CANONICAL_FORMAT_VERSION}"
            )
        meaning = CanonicalMeaning(**_options(header["meaning"]))
        if meaning.chart_version != chart_version:
            raise ValueError(
                f"{path} was trained on chart version {meaning.chart_version}, and this is {chart_version}; "
                "train it again (zoetrope pretrain canonical)"
            )
        network = CanonicalNetwork(CanonicalLayout(**_options(header["layout"])))
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
        backbone = load_semantic(meaning.backbone, offline=offline, device=device) if meaning.backbone else None
        return cls(network.to(device), meaning, backbone)

    @torch.no_grad()
    def __call__(
        self,
        pictures: Float[Tensor, "B H W 3"],
        masks: Float[Tensor, "B H W"] | None = None,
        size: int = CANONICAL_INPUT_SIZE,
        mirror: bool = True,
    ) -> CanonicalMaps:
        """Maps of square pictures (sRGB-encoded, [0, 1]), with or without the masks of their subjects.

        The network looks at them at `size` pixels, a multiple of 32, and the maps have half of that; `mirror` has it
        look at their mirror images as well. Raises ValueError for pictures that are not square.
        """
        if pictures.shape[1] != pictures.shape[2]:
            raise ValueError(f"pictures are {pictures.shape[2]}x{pictures.shape[1]}; the network looks at square crops")
        if size % STRIDE:
            raise ValueError(f"size is {size}; it must be a multiple of {STRIDE}")
        device = self.network.whole.device
        batches = []
        for start in range(0, len(pictures), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            batches.append(self._look(pictures[some].to(device), None if masks is None else masks[some], size, mirror))
        return CanonicalMaps(*(torch.cat(one) for one in zip(*(vars(b).values() for b in batches), strict=True)))

    @torch.no_grad()
    def stages(self, pictures: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Feature maps of its convolutions, finest first, of pictures without masks; sides are multiples of 32."""
        seen = pictures.to(self.network.whole.device).contiguous(memory_format=torch.channels_last)
        none = torch.zeros_like(seen[:, 0])
        return self._eye.levels(seen, none, none[:, 0, 0], backbone_features(self.backbone, seen))

    def _look(self, pictures: Tensor, masks: Tensor | None, size: int, mirror: bool) -> CanonicalMaps:
        shape = (size, size)
        seen = functional.interpolate(pictures.permute(0, 3, 1, 2), shape, mode="bilinear", antialias=True)
        given = torch.full((len(seen),), float(masks is not None), device=seen.device)
        if masks is None:
            mask = torch.zeros_like(seen[:, 0])
        else:
            enlarged = masks[:, None].to(seen)
            mask = functional.interpolate(enlarged, shape, mode="bilinear", antialias=True)[:, 0]
        seen = seen.contiguous(memory_format=torch.channels_last)
        looks = [self._maps(self._eye(seen, mask, given, backbone_features(self.backbone, seen)))]
        if mirror:
            seen, mask = seen.flip(3), mask.flip(2)
            looks.append(_mirrored(self._maps(self._eye(seen, mask, given, backbone_features(self.backbone, seen)))))
        return looks[0] if not mirror else _together(*looks)

    def _maps(self, out: CanonicalOutput) -> CanonicalMaps:
        canonical_xyz = out.canonical_xyz.clone()
        canonical_xyz[:, 0] = canonical_xyz[:, 0].clamp_min(0)
        descriptor = functional.interpolate(out.descriptor, out.part.shape[2:], mode="bilinear")
        return CanonicalMaps(
            foreground=out.foreground.sigmoid(),
            amodal=out.amodal.sigmoid(),
            part=out.part.softmax(1),
            left=out.left.sigmoid(),
            canonical_xyz=canonical_xyz.permute(0, 2, 3, 1),
            spread=out.log_spread.exp(),
            descriptor=functional.normalize(descriptor, dim=1),
            view=out.view.flatten(1).softmax(1).view_as(out.view),
            plan=out.plan.softmax(1),
            species=out.species.softmax(1),
        )


def backbone_features(
    backbone: SemanticNetwork | None, pictures: Float[Tensor, "B 3 H W"]
) -> Float[Tensor, "B C h w"] | None:
    """Features of pictures, h = H / 16, w = W / 16; the backbone sees them at a size that gives so many cells."""
    if backbone is None:
        return None
    size = [side // _FEATURE_STRIDE * backbone.stride for side in pictures.shape[2:]]
    shown = functional.interpolate(pictures, size, mode="bilinear", antialias=True).clamp(0, 1)
    return backbone.features(shown.permute(0, 2, 3, 1))


def _options(text: str) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}


def _mirrored(maps: CanonicalMaps) -> CanonicalMaps:
    """What was said of mirror images, said of the pictures."""
    return CanonicalMaps(
        foreground=maps.foreground.flip(2),
        amodal=maps.amodal.flip(2),
        part=maps.part.flip(3),
        left=1 - maps.left.flip(2),
        canonical_xyz=maps.canonical_xyz.flip(2),
        spread=maps.spread.flip(2),
        descriptor=maps.descriptor.flip(3),
        # Bin a spans [a, a + 1) * 360 / A, its mirror image [A - 1 - a, A - a) * 360 / A.
        view=maps.view.flip(1),
        plan=maps.plan,
        species=maps.species,
    )


def _together(one: CanonicalMaps, other: CanonicalMaps) -> CanonicalMaps:
    """Two looks at the same pictures as one. Descriptors are the first look's: they tell left from right."""
    mean = {k: (a + b) / 2 for (k, a), b in zip(vars(one).items(), vars(other).values(), strict=True)}
    mean["descriptor"] = one.descriptor
    mean["spread"] = mean["spread"] + (one.canonical_xyz - other.canonical_xyz).abs().mean(-1) / 2
    return CanonicalMaps(**mean)


def save_canonical(network: CanonicalNetwork, meaning: CanonicalMeaning, path: Path) -> None:
    """Writes weights in half precision, with the layout and the meaning."""
    header = {
        "format_version": str(CANONICAL_FORMAT_VERSION),
        "layout": json.dumps(asdict(network.layout)),
        "meaning": json.dumps(asdict(meaning)),
    }
    # A variance may be below what half precision can tell from zero.
    whole = ("running_var", "running_mean")
    weights = {
        name: value.half() if value.is_floating_point() and not name.endswith(whole) else value
        for name, value in network.state_dict().items()
    }
    save_file({name: value.contiguous().cpu() for name, value in weights.items()}, path, header)
