"""Diffusion models from folders in diffusers' layout, or from the hub's cache on this machine; nothing is downloaded.

What `model_index.json` names decides the architecture: StableDiffusionPipeline (1.5, 2.1), StableDiffusionXLPipeline,
StableDiffusion3Pipeline, FluxPipeline. Weights are safetensors; nothing is unpickled. Text encoders are loaded when a
prompt is met whose embedding is not kept on this machine yet, and dropped again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError

from ..disk_cache import cache_folder, read_tensors, write_tensors
from .autoencoder import Autoencoder
from .conditions import Conditions
from .denoiser import Denoiser, FluxDenoiser, SD3Denoiser, UNetDenoiser
from .noise_schedule import NoiseSchedule
from .prior import DiffusionPrior

Precision = Literal["float32", "float16", "bfloat16"]
_FORMAT = 1
_UNETS = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
_TRANSFORMERS = ("StableDiffusion3Pipeline", "FluxPipeline")
_SAMPLES, _SAMPLE = 256, 1 << 16
"""How many pieces of a large file are read to know it again, and their bytes."""
_NEEDLESS = ("safety_checker", "feature_extractor", "image_encoder")


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig:
    """How a model is run."""

    precision: Precision = "float32"
    """Of the weights; latents, targets and losses are float32 in any case."""
    tiny_autoencoder: str | None = None
    """Folder or id of an AutoencoderTiny to encode and decode with in place of the model's own; about a tenth of the
    work, and a little less detail."""
    checkpointed: bool = False
    """Gradients through the encoder are recomputed, not kept."""
    sliced: bool = False
    """Attention and autoencoder go through a batch one by one: less memory, more time."""


def load_diffusion_prior(
    name: str, device: torch.device | str = "cpu", config: DiffusionConfig | None = None
) -> DiffusionPrior:
    """The model in that folder, or of that hub id where the hub's cache on this machine holds it.

    Raises OSError where there is no such model or a part of it is missing, ValueError for a kind of model that is not
    known; each message is one line.
    """
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    config = config or DiffusionConfig()
    folder = model_folder(name)
    index = _index(folder, name)
    kind = index["_class_name"]
    dtype = getattr(torch, config.precision)
    part = "unet" if kind in _UNETS else "transformer"
    pipeline = _pipeline(folder, index, dtype, without=("text_encoder", "tokenizer"))
    module = getattr(pipeline, part).requires_grad_(False).eval().to(device)
    vae: Any = pipeline.vae
    if config.tiny_autoencoder is not None:
        tiny = model_folder(config.tiny_autoencoder)
        vae = AutoencoderTiny.from_pretrained(tiny, dtype=dtype, use_safetensors=True)
    autoencoder = Autoencoder(vae.to(device), checkpointed=config.checkpointed)
    if config.sliced:
        vae.enable_slicing()
        if hasattr(module, "set_attention_slice"):
            module.set_attention_slice("auto")
    denoiser: Denoiser
    if kind in _UNETS:
        denoiser = UNetDenoiser(module, autoencoder.stride)
    else:
        denoiser = SD3Denoiser(module) if kind == "StableDiffusion3Pipeline" else FluxDenoiser(module)
    side = module.config.sample_size * autoencoder.stride if hasattr(module.config, "sample_size") else 1024
    prompts = _Prompts(folder, index, device, dtype)
    schedule = NoiseSchedule.of(pipeline.scheduler).to(device)
    return DiffusionPrior(name, side, schedule, autoencoder, denoiser, prompts)


def model_kind(name: str) -> str:
    """Name of the model's pipeline. Raises as `load_diffusion_prior`, by its index alone, without loading anything."""
    return _index(model_folder(name), name)["_class_name"]


def model_folder(name: str) -> Path:
    """Where the model lies on this machine. Raises OSError, in one line, where it does not."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError) as fault:
        raise OSError(f"{name} is neither a folder nor a model in the hub's cache on this machine") from fault


def _index(folder: Path, name: str) -> dict[str, Any]:
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise OSError(f"{name} has no readable model_index.json; it is no model in diffusers' layout") from fault
    known = (*_UNETS, *_TRANSFORMERS)
    if not isinstance(index, dict):
        raise OSError(f"{name} has a model_index.json that is no object; it is no model in diffusers' layout")
    if index.get("_class_name") not in known:
        raise ValueError(f"{name} is a {index.get('_class_name')}; known are {', '.join(known)}")
    return index


def _pipeline(folder: Path, index: dict[str, Any], dtype: torch.dtype, without: Sequence[str]) -> Any:
    """diffusers' own pipeline of the model without the parts whose names begin so."""
    import diffusers

    dropped = {name: None for name in index if name.startswith(tuple(without)) or name in _NEEDLESS}
    halves = any(folder.glob("*/*.fp16*.safetensors")) and not any(folder.glob("*/*model.safetensors"))
    try:
        with _quiet():
            return getattr(diffusers, index["_class_name"]).from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                variant="fp16" if halves else None,
                **dropped,
            )
    except (OSError, SafetensorError) as fault:
        raise OSError(f"{folder}: a part of the model is missing or broken: {' '.join(str(fault).split())}") from fault


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps diffusers and transformers from their own progress bars and hints."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    both = (diffusers_logging, transformers_logging)
    before = [(one.get_verbosity(), one.is_progress_bar_enabled()) for one in both]
    for one in both:
        one.set_verbosity_error()
        one.disable_progress_bar()
    try:
        yield
    finally:
        for one, (level, shown) in zip(both, before, strict=True):
            one.set_verbosity(level)
            if shown:
                one.enable_progress_bar()


class _Prompts:
    """Embeds prompts; what has been embedded once on this machine is read from disk."""

    def __init__(self, folder: Path, index: dict[str, Any], device: torch.device | str, dtype: torch.dtype) -> None:
        self._folder, self._index, self._device, self._dtype = folder, index, device, dtype
        self._identity = _digest(folder)

    def __call__(self, prompts: Sequence[str]) -> Conditions:
        files = [cache_folder("prompts") / f"{self._key(prompt)}.safetensors" for prompt in prompts]
        kept = [read_tensors(file, "context") for file in files]
        fresh = [k for k, tensors in enumerate(kept) if tensors is None]
        if fresh:
            made = self._embedded([prompts[k] for k in fresh])
            for place, k in enumerate(fresh):
                tensors = {"context": made.context[place]}
                if made.pooled is not None:
                    tensors["pooled"] = made.pooled[place]
                tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
                write_tensors(files[k], tensors)
                kept[k] = tensors
        found = [tensors for tensors in kept if tensors is not None]
        pooled = torch.stack([one["pooled"] for one in found]) if "pooled" in found[0] else None
        return Conditions(torch.stack([one["context"] for one in found]), pooled).to(self._device)

    def _key(self, prompt: str) -> str:
        return hashlib.sha256(f"{_FORMAT} {self._identity} {self._dtype} {prompt}".encode()).hexdigest()[:40]

    def _embedded(self, prompts: list[str]) -> Conditions:
        pipeline = _pipeline(self._folder, self._index, self._dtype, without=("unet", "transformer", "vae"))
        for name in self._index:
            if name.startswith("text_encoder") and getattr(pipeline, name) is not None:
                getattr(pipeline, name).requires_grad_(False).eval().to(self._device)
        kind = self._index["_class_name"]
        once: dict[str, Any] = {"device": self._device, "num_images_per_prompt": 1}
        with torch.no_grad():
            if kind == "FluxPipeline":
                context, pooled, _ = pipeline.encode_prompt(prompts, prompt_2=None, **once)
                return Conditions(context, pooled)
            once["do_classifier_free_guidance"] = False
            if kind == "StableDiffusionPipeline":
                return Conditions(pipeline.encode_prompt(prompts, **once)[0])
            if kind == "StableDiffusion3Pipeline":
                context, _, pooled, _ = pipeline.encode_prompt(prompts, prompt_2=None, prompt_3=None, **once)
                return Conditions(context, pooled)
            context, _, pooled, _ = pipeline.encode_prompt(prompts, **once)
            if pipeline.config.force_zeros_for_empty_prompt:
                said = torch.tensor([bool(prompt) for prompt in prompts], device=context.device).to(context)
                context, pooled = context * said[:, None, None], pooled * said[:, None]
            return Conditions(context, pooled)


def _digest(folder: Path) -> str:
    """Of what decides embeddings: all files of tokenizers and text encoders, large ones by many samples of them."""
    digest = hashlib.sha256()
    for file in sorted((*folder.glob("tokenizer*/*"), *folder.glob("text_encoder*/*"))):
        if not file.is_file():
            continue
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder).as_posix()} {size}".encode())
        with file.open("rb") as stream:
            if size <= _SAMPLES * _SAMPLE:
                digest.update(stream.read())
                continue
            for k in range(_SAMPLES):
                stream.seek(k * (size - _SAMPLE) // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()
