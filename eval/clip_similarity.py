"""CLIP similarity by ARTIC3D's protocol: does the subject look like its photos, and like its name, from all around?

The subject is rendered from 36 azimuths at an elevation of 30 degrees. Two means of cosines between CLIP embeddings
(Radford et al., ICML 2021, arXiv 2103.00020; ViT-B/32):

    image = mean over renderings r and input photos p of  cos(E(r), E(p))
    text  = mean over renderings r of  cos(E(r), T("A photo of <category>"))

(Yao et al., ARTIC3D, NeurIPS 2023, arXiv 2306.04619; its released code has no such script, so the rest is stated here.)
Photos are cut to a square round the subject and both kinds are put on white; scaling, cropping and colour statistics
are those of the model's own processor. Figures only compare within one CLIP model, so the result carries its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from ..representations.camera import Intrinsics
from ..representations.mesh import SkinnedMesh
from ..scenes.error import InputError, one_line
from ..scenes.studio import Studio, photograph
from ..scenes.turntable_camera import fitting_distance, orbit_cameras

AZIMUTH_COUNT = 36
ELEVATION_DEG = 30.0
DEFAULT_MODEL = "openai/clip-vit-base-patch32"

_FIELD_OF_VIEW_DEG = 30.0
_MARGIN = 0.08
_WHITE_STUDIO = Studio(background=(1.0, 1.0, 1.0))
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Clip:
    """A frozen CLIP; made by `load_clip`."""

    name: str
    """Hub id, or name of the local folder."""
    model: Any
    """transformers' CLIPModel."""
    processor: Any
    """transformers' CLIPProcessor: the model's own scaling, cropping, colour statistics and tokens."""

    def embed_pictures(self, pictures: Float[Tensor, "B H W 3"]) -> Float[Tensor, "B D"]:
        """Unit embeddings of pictures; values in [0, 1], sRGB-encoded."""
        levels = (pictures.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
        found = []
        with torch.no_grad():
            for batch in levels.split(_BATCH):
                inputs = self.processor.image_processor(list(batch.numpy()), return_tensors="pt")
                seen = self.model.vision_model(pixel_values=inputs["pixel_values"].to(self.model.device))
                found.append(normalize(self.model.visual_projection(seen.pooler_output).float(), dim=-1).cpu())
        return torch.cat(found)

    def embed_texts(self, texts: Sequence[str]) -> Float[Tensor, "T D"]:
        """Unit embeddings of texts; what is longer than the model reads is cut off."""
        longest = self.model.config.text_config.max_position_embeddings
        inputs = self.processor.tokenizer(
            list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        ).to(self.model.device)
        with torch.no_grad():
            read = self.model.text_model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
            return normalize(self.model.text_projection(read.pooler_output).float(), dim=-1).cpu()


@dataclass(frozen=True)
class ClipSimilarity:
    """Mean cosines in [-1, 1]."""

    image: float
    """Renderings to input photos."""
    text: float
    """Renderings to the prompt."""
    prompt: str
    model: str
    """Whose embeddings they are."""


def load_clip(
    model: str | Path = DEFAULT_MODEL, *, allow_download: bool = False, device: torch.device | str = "cpu"
) -> Clip:
    """A CLIP model of transformers by hub id or from a local folder; fetched only if `allow_download`.

    Its weights are read as safetensors only; nothing is unpickled.

    Raises InputError, one line, where it is not there, is not a whole CLIP, or cannot be downloaded.
    """
    from transformers import AutoConfig, CLIPModel, CLIPProcessor
    from transformers.utils import logging

    where: dict[str, Any] = {"local_files_only": not allow_download}
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        kind = AutoConfig.from_pretrained(model, **where).model_type
        if kind != "clip":
            raise InputError(f"{model} is a model of type {kind}, not clip; its figures would not be CLIP similarity")
        # Other formats may run code when they are read.
        loaded: Any = CLIPModel.from_pretrained(model, output_loading_info=True, use_safetensors=True, **where)
        network, loading = loaded
        processor = CLIPProcessor.from_pretrained(model, **where)
    except (OSError, ValueError, TypeError, KeyError) as fault:
        if isinstance(fault, InputError):
            raise
        raise InputError(_not_loaded(model, allow_download, fault)) from fault
    finally:
        if showed_progress:
            logging.enable_progress_bar()
    missing = sorted(loading["missing_keys"]) + sorted(map(str, loading["mismatched_keys"]))
    if missing:
        raise InputError(f"{model} is not a whole CLIP: {len(missing)} weights such as {missing[0]} are missing")
    name = Path(model).resolve().name if Path(model).is_dir() else str(model)
    return Clip(name, network.to(device).eval().requires_grad_(False), processor)


def clip_similarity(
    clip: Clip, renderings: Float[Tensor, "B H W 3"], photos: Float[Tensor, "N h w 3"], category: str
) -> ClipSimilarity:
    """The two similarities of renderings (`orbit_views`) to photos (`square_on_white`) and to "A photo of <category>".

    category: what the subject is, in a word; an article comes before it where one is wanted.
    """
    prompt = f"A photo of {category}"
    seen = clip.embed_pictures(renderings)
    image = seen @ clip.embed_pictures(photos).T
    text = seen @ clip.embed_texts([prompt]).T
    return ClipSimilarity(float(image.mean()), float(text.mean()), prompt, clip.name)


def orbit_views(
    vertices: Float[Tensor, "V 3"], mesh: SkinnedMesh, texture: Float[Tensor, "H W 3"] | None = None, *, size: int = 224
) -> Float[Tensor, "36 {size} {size} 3"]:
    """The protocol's pictures of `mesh` posed as `vertices`: 36 azimuths from the front on, elevation 30, on white.

    The subject is centred, upright (+Y), and as large as fits into all of them. texture: sRGB-encoded, in [0, 1].
    """
    with torch.no_grad():
        centred = (vertices - (vertices.amin(0) + vertices.amax(0)) / 2).expand(AZIMUTH_COUNT, -1, -1)
        aim = orbit_cameras(AZIMUTH_COUNT, distance=1.0, elevation_deg=ELEVATION_DEG, device=vertices.device)
        distance = fitting_distance(centred, aim, _FIELD_OF_VIEW_DEG, _MARGIN).max()
        camera = replace(aim, distance=distance.expand_as(aim.distance))
        pictures = []
        for index in torch.arange(AZIMUTH_COUNT, device=vertices.device).split(4):
            lens = Intrinsics.from_field_of_view(_FIELD_OF_VIEW_DEG, size, size, len(index), device=vertices.device)
            view = camera.select(index)
            pictures.append(photograph(centred[index], mesh, view, lens, texture, _WHITE_STUDIO).color)
        return torch.cat(pictures)


def square_on_white(
    picture: Float[Tensor, "H W 3"], mask: Float[Tensor, "H W"], *, size: int = 224
) -> Float[Tensor, "{size} {size} 3"]:
    """The subject of a photo on white, cut to a square that leaves it the renderings' margin.

    mask: 1 = subject, soft in between; both in [0, 1]. Raises ValueError where it marks nothing.
    """
    rows, columns = torch.nonzero(mask >= 0.5, as_tuple=True)
    if len(rows) == 0:
        raise ValueError("the mask marks no subject, so there is nothing to cut out; leave this photo out")
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(columns.min()), int(columns.max()) + 1
    white = (picture * mask[..., None] + (1 - mask[..., None]))[top:bottom, left:right]
    height, width = bottom - top, right - left
    side = round(max(height, width) / (1 - 2 * _MARGIN))
    square = picture.new_ones(side, side, 3)
    above, before = (side - height) // 2, (side - width) // 2
    square[above : above + height, before : before + width] = white
    planes = square.permute(2, 0, 1)[None]
    return interpolate(planes, (size, size), mode="bilinear", antialias=True)[0].permute(1, 2, 0).clamp(0, 1)


def _not_loaded(model: str | Path, allow_download: bool, fault: BaseException) -> str:
    if Path(model).is_dir():
        return f"{model} is not a folder of a CLIP model as transformers saves it, in safetensors ({one_line(fault)})"
    if allow_download:
        return f"CLIP model '{model}' cannot be downloaded ({one_line(fault)}); name another id or a local folder"
    return (
        f"CLIP model '{model}' is not on this machine; name a local folder or allow its download (--allow-download, "
        "allow_download=True)"
    )
