"""Against rembg's interface: the library itself would download a network."""

import os
import sys
import types

import numpy as np
import pytest
import torch

from zoetrope.priors.rembg_foreground import rembg_foreground, require_rembg


def test_without_rembg_one_line_says_how_to_have_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rembg", None)
    with pytest.raises(OSError, match=r"pip install 'zoetrope\[rembg\]'"):
        rembg_foreground()


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """rembg's interface, and what was asked of it."""
    asked = []

    def new_session(name):
        asked.append((name, os.environ.get("MODEL_CHECKSUM_DISABLED")))
        if (tmp_path / "damaged").exists():
            raise RuntimeError("no such protobuf")

    library = types.SimpleNamespace(new_session=new_session, remove=None)
    monkeypatch.setitem(sys.modules, "rembg", library)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.delenv("MODEL_CHECKSUM_DISABLED", raising=False)
    return asked


def test_offline_a_model_that_is_not_here_is_refused(fake, tmp_path, monkeypatch):
    for call in (require_rembg, rembg_foreground):
        with pytest.raises(
            OSError, match=r"model u2net is not on this machine \(.*u2net.onnx\) and --offline"
        ) as caught:
            call(offline=True)
        assert "\n" not in str(caught.value)
    assert fake == []
    # Where rembg keeps its models otherwise.
    monkeypatch.delenv("U2NET_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with pytest.raises(OSError, match=r"data/\.u2net/isnet-general-use\.onnx"):
        require_rembg("isnet-general-use", offline=True)
    require_rembg()
    rembg_foreground()
    assert fake == [("u2net", None)]


def test_offline_a_model_that_is_here_is_taken_as_it_is(fake, tmp_path):
    """rembg would download one whose checksum differs."""
    (tmp_path / "u2net.onnx").write_bytes(b"a network")
    rembg_foreground(offline=True)
    assert fake == [("u2net", "1")]
    assert "MODEL_CHECKSUM_DISABLED" not in os.environ
    (tmp_path / "damaged").touch()
    with pytest.raises(OSError, match=r"cannot read .*u2net\.onnx"):
        rembg_foreground(offline=True)
    assert "MODEL_CHECKSUM_DISABLED" not in os.environ


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
