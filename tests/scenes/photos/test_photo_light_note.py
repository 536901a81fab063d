"""The light of photos goes to a file of cameras and comes back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.representations.rendering.photo_light import PhotoLight
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.nerfstudio import CameraFrame, write_transforms
from zoetrope.scenes.photos.photo_light_note import light_notes, read_lights


def test_light_comes_back(tmp_path: Path) -> None:
    light = PhotoLight(torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(1)))
    frames = [CameraFrame(name, np.eye(4), 100.0, 100.0, 50.0, 50.0, 100, 100) for name in ("a.jpg", "b.png")]
    path = tmp_path / "transforms.json"
    write_transforms(path, frames, notes=light_notes(light))
    found = read_lights(path)
    assert list(found) == ["a", "b"]
    torch.testing.assert_close(
        torch.cat([one.coefficients for one in found.values()]), light.coefficients, atol=1e-5, rtol=0
    )
    write_transforms(path, frames)
    assert read_lights(path) == {}
    write_transforms(path, frames, notes=[{"log_light": [[1.0] * 9] * 2}, {}])
    with pytest.raises(InputError, match="a has a log_light that is not 3 x 9 finite numbers"):
        read_lights(path)
