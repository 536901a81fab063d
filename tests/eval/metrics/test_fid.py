"""FID's path on its own network with made-up weights. No figure here is FID."""

import pytest
import torch

from zoetrope.eval.metrics import pretrained
from zoetrope.eval.metrics.fid import INCEPTION_URL, load_fid
from zoetrope.scenes.error import InputError

NAME = INCEPTION_URL.rsplit("/", 1)[-1]


@pytest.fixture
def hub(tmp_path):
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    yield tmp_path / "checkpoints"
    torch.hub.set_dir(before)


def test_missing_and_other_weights_are_one_line(hub):
    with pytest.raises(InputError, match=rf"FID needs {NAME}.*allow_download=True"):
        load_fid()
    (hub / NAME).write_bytes(b"another network")
    with pytest.raises(InputError, match="is not the network of FID"):
        load_fid()


def test_the_missing_package_is_named(hub, monkeypatch):
    (hub / NAME).write_bytes(b"the network, as far as anybody looks")
    monkeypatch.setattr(pretrained, "sha256", lambda path: "6726825d")
    monkeypatch.setattr("torchmetrics.image.fid._TORCH_FIDELITY_AVAILABLE", False)
    with pytest.raises(InputError, match="pip install torch-fidelity"):
        load_fid()


def test_distances_of_sets(hub, monkeypatch):
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    random = torch.random.fork_rng()
    with random, monkeypatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        network = inception.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    torch.save(network.state_dict(), hub / NAME)
    monkeypatch.setattr(pretrained, "sha256", lambda path: "6726825d")
    fid = load_fid()
    generator = torch.Generator().manual_seed(0)
    noise, flat = torch.rand(4, 40, 50, 3, generator=generator), torch.rand(2, 1, 1, 3, generator=generator)
    assert fid.distance(noise[:2], noise[2:]) < 0.5 * fid.distance(noise[:2], flat.expand(2, 40, 50, 3))
    with pytest.raises(ValueError, match="2 or more of each"):
        fid.distance(noise[:1], noise)
