"""What several tests of rules share: an autoencoder that can be reckoned with."""

import pytest
import torch
from torch import Tensor

from zoetrope.priors.diffusion.autoencoder import Autoencoder


class _Blocks(Autoencoder):
    def __init__(self) -> None:
        self.channels, self.stride = 3, 4

    def encode(self, pictures: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(pictures, 4) - 0.5

    def decode(self, latents: Tensor) -> Tensor:
        return torch.nn.functional.interpolate(latents + 0.5, scale_factor=4.0)


@pytest.fixture
def blocks() -> Autoencoder:
    """A latent is the mean colour of four by four pixels, less a half."""
    return _Blocks()
