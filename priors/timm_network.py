"""Vision networks of timm with weights from the hub or from this machine; one loader for priors and for evaluation.

A network is named in one of three ways:

    timm:NAME                          timm's own weights, as vit_small_patch14_dinov2.lvd142m
    timm:FOLDER                        a folder as timm's hub has it: config.json and model.safetensors
    timm:ARCHITECTURE[,OPTIONS]@FILE   a .safetensors file; OPTIONS are pad_type=same, mean=M, std=S, each one or none

as in `timm:mobilenetv2_100,pad_type=same,mean=0.5,std=0.5@mobilenetv2_100.safetensors`. Only safetensors are read;
nothing is unpickled. Every tensor the network needs must be in the file in its shape, so the weights of another network
never pass for those of this one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

_OPTIONS = ("pad_type", "mean", "std")
# What a file may hold beyond the features: classifiers, and what was there for training alone.
_SPARE = ("classifier.", "head.", "head_dist.", "fc.", "mask_token")
# Modules of timm whose networks take pictures of any size when told so, by resampling their position encodings.
_TRANSFORMERS = ("vision_transformer", "deit", "eva")


@dataclass(frozen=True, eq=False)
class TimmNetwork:
    """A frozen network without its classifier, in float32, and how it wants its pictures."""

    name: str
    """Architecture and tag, for figures and messages."""
    identity: str
    """SHA-256 over the weights and the way they are used: equal for equal networks, wherever they lie."""
    module: nn.Module
    """In evaluation mode; its parameters need no gradient."""
    mean: tuple[float, ...]
    """Of the three channels, subtracted from pictures in [0, 1]."""
    std: tuple[float, ...]
    """Pictures are divided by it after that."""

    def normalized(self, planes: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] as the network wants them."""
        mean, std = (planes.new_tensor(values).reshape(3, 1, 1) for values in (self.mean, self.std))
        return (planes - mean) / std


def load_timm(name: str, *, offline: bool = False) -> TimmNetwork:
    """The network of that name; see the top of the file.

    offline: only what is already in the hub's cache is used.
    Raises ValueError for a name that says nothing to timm, OSError for weights that cannot be had or are another
    network's; each in one line that names what to do.
    """
    plain = name.removeprefix("timm:")
    if "@" in plain:
        front, _, file = plain.partition("@")
        architecture, *options = front.split(",")
        return _built(name, architecture, Path(file).expanduser(), _parsed(name, options), {})
    folder = Path(plain).expanduser()
    if folder.is_dir():
        return _from_folder(name, folder)
    return _from_hub(name, plain, offline)


def _from_folder(name: str, folder: Path) -> TimmNetwork:
    for file in (folder / "config.json", folder / "model.safetensors"):
        if not file.is_file():
            raise OSError(f"{file} is missing; a folder of timm's hub has config.json and model.safetensors")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        # The hub's folders keep what describes the weights one level down; older ones have it beside the name.
        described = config.get("pretrained_cfg", config)
        architecture, arguments = config["architecture"], config.get("model_args", {})
        options = {key: described[key] for key in ("mean", "std") if key in described}
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as fault:
        raise OSError(f"{folder / 'config.json'} does not name its architecture as timm's hub does") from fault
    return _built(name, architecture, folder / "model.safetensors", options, arguments)


def _from_hub(name: str, plain: str, offline: bool) -> TimmNetwork:
    import timm
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    config = timm.get_pretrained_cfg(plain) if timm.is_model(plain) else None
    if config is None or not config.hf_hub_id:
        raise ValueError(
            f"{name} is neither a network of timm with weights on its hub nor a folder; "
            "timm:vit_small_patch14_dinov2.lvd142m is one, timm:ARCHITECTURE@FILE.safetensors takes a file"
        )
    try:
        file = hf_hub_download(config.hf_hub_id, "model.safetensors", local_files_only=offline)
    except (HfHubHTTPError, OSError, ValueError) as fault:
        where = "in the local cache, and downloads are off" if offline else "to be had from the hub"
        raise OSError(f"the weights of {name} are not {where}") from fault
    return _built(name, plain, Path(file), {"mean": config.mean, "std": config.std}, {})


def _parsed(name: str, options: list[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in _OPTIONS:
            raise ValueError(f"{name} has the option {key!r}; there are {', '.join(_OPTIONS)}")
        try:
            parsed[key] = value if key == "pad_type" else (float(value),) * 3
        except ValueError as fault:
            raise ValueError(f"{name} has {key}={value}, which is no number") from fault
    return parsed


def _built(name: str, architecture: str, file: Path, options: dict[str, Any], arguments: dict[str, Any]) -> TimmNetwork:
    import timm
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    bare = architecture.split(".")[0]
    if not timm.is_model(bare):
        raise ValueError(f"{name}: timm has no architecture {bare!r}; timm.list_models() lists them")
    if file.suffix != ".safetensors":
        raise OSError(f"{file} is no .safetensors file; others may run code when they are read and are refused")
    arguments = {**arguments, "num_classes": 0}
    if "pad_type" in options:
        arguments["pad_type"] = options["pad_type"]
    if timm.models.model_entrypoint(bare).__module__.rsplit(".", 1)[-1] in _TRANSFORMERS:
        arguments["dynamic_img_size"] = True
    try:
        module = timm.create_model(bare, pretrained=False, **arguments)
    except (TypeError, ValueError, RuntimeError) as fault:
        raise ValueError(f"{name}: timm cannot build {bare} with {arguments}") from fault
    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as fault:
        raise OSError(f"{file} is no {bare} in timm's layout: it cannot be read as safetensors") from fault
    module.load_state_dict(_fitting(file, bare, stored, module.state_dict()))
    default: dict[str, Any] = module.pretrained_cfg  # type: ignore[assignment]
    mean, std = (tuple(options.get(key, default[key])) for key in ("mean", "std"))
    digest = hashlib.sha256(json.dumps([bare, sorted(arguments.items()), mean, std], default=str).encode())
    digest.update(file.read_bytes())
    return TimmNetwork(architecture, digest.hexdigest(), module.eval().requires_grad_(False), mean, std)


def _fitting(file: Path, bare: str, stored: dict[str, Tensor], needed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The stored tensors that the network needs, in its number format; its classifier is not among them."""
    # Batch norms count their training steps; not all files keep that, and it changes nothing.
    stored = {key: value for key, value in needed.items() if key.endswith(".num_batches_tracked")} | stored
    other = [key for key, value in needed.items() if key not in stored or stored[key].shape != value.shape]
    spare = [key for key in stored if key not in needed and not key.startswith(_SPARE)]
    if other or spare:
        raise OSError(
            f"{file} is no {bare} in timm's layout: {len(other)} of its {len(needed)} tensors are missing or of "
            f"another shape, {len(spare)} are unknown (as {(other + spare)[0]})"
        )
    return {key: stored[key].to(value.dtype) for key, value in needed.items()}
