"""Small networks of the real architectures with random weights, stored as timm's hub stores them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

ASSETS = Path(__file__).parents[2].parent / "shared" / "assets"


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Stores a network of random weights: hub_folder(architecture, **its arguments) gives the folder."""

    def made(architecture: str, **arguments) -> Path:
        torch.manual_seed(0)
        network = timm.create_model(architecture, pretrained=False, **arguments)
        folder = tmp_path_factory.mktemp(architecture)
        config = {"architecture": architecture, "model_args": arguments}
        config["pretrained_cfg"] = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
        (folder / "config.json").write_text(json.dumps(config))
        save_file(network.state_dict(), folder / "model.safetensors")
        return folder

    return made


@pytest.fixture(scope="session")
def small_vit(hub_folder: Callable[..., Path]) -> Path:
    """A DINOv2 with registers, two layers deep."""
    return hub_folder("vit_small_patch14_reg4_dinov2", embed_dim=24, depth=2, num_heads=3, img_size=56)


@pytest.fixture(scope="session")
def mobilenet() -> str:
    """The name of ImageNet's MobileNetV2; skips where its weights are not here."""
    file = ASSETS / "weights" / "mobilenetv2" / "mobilenetv2_100.safetensors"
    if not file.is_file():
        pytest.skip("needs the weights of MobileNetV2")
    return f"timm:mobilenetv2_100,pad_type=same,mean=0.5,std=0.5@{file}"
