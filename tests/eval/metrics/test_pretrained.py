import hashlib

import pytest
import torch

from zoetrope.eval.metrics.pretrained import pretrained_weights
from zoetrope.scenes.error import InputError

CONTENT = b"weights of a network"
NAME = f"net-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture
def hub(tmp_path):
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield tmp_path / "hub" / "checkpoints"
    torch.hub.set_dir(before)


@pytest.fixture
def url(tmp_path):
    """A place to download from that needs no network."""
    (tmp_path / NAME).write_bytes(CONTENT)
    return (tmp_path / NAME).as_uri()


def test_nothing_is_downloaded_unasked(hub, url):
    with pytest.raises(InputError, match=r"LPIPS needs net-.*allow_download=True") as caught:
        pretrained_weights(url, metric="LPIPS", allow_download=False)
    assert "\n" not in str(caught.value)
    assert not hub.exists()


def test_downloads_where_allowed_and_keeps(hub, url, tmp_path):
    path = pretrained_weights(url, metric="LPIPS", allow_download=True)
    assert path == hub / NAME
    assert path.read_bytes() == CONTENT
    (tmp_path / NAME).unlink()
    assert pretrained_weights(url, metric="LPIPS", allow_download=False) == path
    path.unlink()
    with pytest.raises(InputError, match="cannot be downloaded"):
        pretrained_weights(url, metric="LPIPS", allow_download=True)


def test_another_file_of_that_name_is_refused(hub, url):
    hub.mkdir(parents=True)
    (hub / NAME).write_bytes(CONTENT + b" but trained otherwise")
    with pytest.raises(InputError, match="is not the network of FID"):
        pretrained_weights(url, metric="FID", allow_download=False)


def test_names_must_carry_their_hash(hub):
    with pytest.raises(ValueError, match="does not carry its hash"):
        pretrained_weights("https://example.org/weights.pth", metric="FID", allow_download=False)
