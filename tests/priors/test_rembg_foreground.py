"""Against rembg's interface: the library itself would download a network."""

import sys
import types

import numpy as np
import pytest
import torch

from zoetrope.priors.rembg_foreground import rembg_foreground


def test_without_rembg_one_line_says_how_to_have_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rembg", None)
    with pytest.raises(OSError, match=r"pip install 'zoetrope\[rembg\]'"):
        rembg_foreground()


def test_pixels_go_in_as_bytes_and_masks_come_out_as_shares(monkeypatch):
    def remove(pixels, *, session, only_mask):
        assert session == "session of isnet-general-use"
        assert only_mask
        assert pixels.dtype == np.uint8
        return pixels[..., 0]

    fake = types.SimpleNamespace(new_session=lambda name: f"session of {name}", remove=remove)
    monkeypatch.setitem(sys.modules, "rembg", fake)
    picture = torch.rand(2, 5, 7, 3)
    foreground = rembg_foreground("isnet-general-use")(picture)
    assert torch.allclose(foreground, picture[..., 0], atol=0.003)
