"""Photos for datasets that tests make up: smooth noise, no two alike."""

import cv2
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def make_photo():
    """A function that writes a photo of a size (width, height), another one at each call, and gives its pixels."""
    random = np.random.default_rng(0)

    def make(path, size=(60, 40)):
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        pixels = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        Image.fromarray(pixels).save(path, quality=95)
        return pixels

    return make
