"""Real networks, where they are."""

from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[2].parent / "shared" / "assets"


@pytest.fixture(scope="session")
def mobilenet() -> str:
    """The name of ImageNet's MobileNetV2; skips where its weights are not here."""
    file = ASSETS / "weights" / "mobilenetv2" / "mobilenetv2_100.safetensors"
    if not file.is_file():
        pytest.skip("needs the weights of MobileNetV2")
    return f"timm:mobilenetv2_100,pad_type=same,mean=0.5,std=0.5@{file}"
