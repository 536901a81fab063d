"""What the configuration files of a diffusion model say of it: read before any weights are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .load import model_folder, model_kind
from .noise_level import PredictionType

_PREDICTIONS: dict[str, PredictionType] = {"epsilon": "eps", "v_prediction": "v"}


@dataclass(frozen=True)
class ModelDescription:
    """A model in diffusers' layout."""

    kind: str
    """Name of its pipeline, as StableDiffusionPipeline."""
    prediction: PredictionType
    """What its network predicts."""
    attention: bool
    """Whether its denoiser has attention layers."""
    latent_channels: int


def describe_model(name: str) -> ModelDescription:
    """The model in that folder, or of that hub id where the hub's cache holds it.

    Raises OSError where there is no such model or one of its configuration files is missing, ValueError for a kind of
    model that is not known, or one that predicts something else than noise, v or flow; each message is one line.
    """
    folder, kind = model_folder(name), model_kind(name)
    scheduler = _read(folder / "scheduler" / "scheduler_config.json")
    prediction: PredictionType = "flow"
    if "FlowMatch" not in str(scheduler.get("_class_name")):
        # diffusers' own default.
        said = scheduler.get("prediction_type", "epsilon")
        if said not in _PREDICTIONS:
            raise ValueError(f"{name} predicts {said!r}; {', '.join(_PREDICTIONS)} or flow is needed")
        prediction = _PREDICTIONS[said]
    latent_channels = int(_read(folder / "vae" / "config.json").get("latent_channels", 4))
    return ModelDescription(kind, prediction, _has_attention(folder), latent_channels)


def check_tiny_autoencoder(tiny: str, name: str) -> None:
    """Raises OSError where `tiny` is no AutoencoderTiny on this machine, ValueError where its latents are not those of
    the model `name`; each message is one line."""
    folder = model_folder(tiny)
    config = _read(folder / "config.json")
    if config.get("_class_name") != "AutoencoderTiny":
        raise OSError(f"{tiny} is a {config.get('_class_name')}; an AutoencoderTiny (TAESD) is needed")
    if not any(folder.glob("*.safetensors")):
        raise OSError(f"{tiny} has no weights (diffusion_pytorch_model.safetensors)")
    channels, wanted = int(config.get("latent_channels", 4)), describe_model(name).latent_channels
    if channels != wanted:
        raise ValueError(f"{tiny} has latents of {channels} channels, those of {name} have {wanted}")


def _has_attention(folder: Path) -> bool:
    """All transformers have; of a U-Net some of its blocks say so."""
    unet = folder / "unet" / "config.json"
    if not unet.is_file():
        return True
    config = _read(unet)
    blocks = [*config.get("down_block_types", ()), config.get("mid_block_type"), *config.get("up_block_types", ())]
    return any("Attn" in str(block) for block in blocks)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OSError(f"a part of the model is missing or broken: {path} cannot be read as JSON") from error
    if not isinstance(content, dict):
        raise OSError(f"a part of the model is missing or broken: {path} holds no JSON object")
    return content
