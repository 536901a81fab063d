"""LPIPS' path on its smallest network with made-up weights; its fitted weights are real. No figure here is LPIPS."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zoetrope.eval import pretrained
from zoetrope.eval.lpips import load_lpips
from zoetrope.scenes.error import InputError

HEADS = Path(__file__).parents[2].parent / "shared" / "assets" / "weights" / "lpips_linear" / "v0.1_squeeze.safetensors"
SQUEEZE = "squeezenet1_1-b8a52dc0.pth"


@pytest.fixture
def trunk(tmp_path, monkeypatch):
    """A SqueezeNet of random weights where torchvision looks for the real one."""
    from torchvision.models import squeezenet1_1

    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = squeezenet1_1(weights=None)
    (tmp_path / "checkpoints").mkdir()
    torch.save(network.state_dict(), tmp_path / "checkpoints" / SQUEEZE)
    yield network.features.eval()
    torch.hub.set_dir(before)


@pytest.fixture
def lpips(trunk, monkeypatch):
    monkeypatch.setattr(pretrained, "sha256", lambda path: "b8a52dc0")
    return load_lpips("squeeze")


def pictures(seed, count=3):
    return torch.rand(count, 48, 40, 3, generator=torch.Generator().manual_seed(seed))


def test_distances_of_pictures(lpips):
    a, b = pictures(0), pictures(1)
    distances = lpips.distance(a, b)
    assert distances.shape == (3,)
    assert (distances > 1e-4).all()
    assert torch.allclose(lpips.distance(a, a), torch.zeros(3), atol=1e-6)
    assert torch.allclose(lpips.distance(b, a), distances, atol=1e-6)
    assert torch.allclose(lpips.distance(a[1:2], b[1:2]), distances[1:2], atol=1e-6)
    assert (lpips.distance(a, 0.9 * a + 0.1 * b) < distances).all()


def test_the_formula_with_the_published_weights(lpips, trunk):
    if not HEADS.is_file():
        pytest.skip("the development assets are not here")
    heads = load_file(str(HEADS))
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    layers = {1: 0, 4: 1, 7: 2, 9: 3, 10: 4, 11: 5, 12: 6}

    def features(picture):
        x = (((2 * picture - 1) - shift) / scale).permute(0, 3, 1, 2)
        for index, layer in enumerate(trunk):
            x = layer(x)
            if index in layers:
                yield x / (x.square().sum(1, keepdim=True) + 1e-8).sqrt()

    a, b = pictures(0), pictures(1)
    with torch.no_grad():
        expected = sum(
            (heads[f"lin{k}.model.1.weight"] * (f - g).square()).sum(1).mean((1, 2))
            for k, (f, g) in enumerate(zip(features(a), features(b), strict=True))
        )
    assert torch.allclose(lpips.distance(a, b), expected, rtol=1e-4)


def test_other_weights_are_not_called_lpips(trunk):
    with pytest.raises(InputError, match="is not the network of LPIPS"):
        load_lpips("squeeze")


def test_missing_weights_are_one_line(tmp_path, trunk):
    (tmp_path / "checkpoints" / SQUEEZE).unlink()
    with pytest.raises(InputError, match=f"LPIPS needs {SQUEEZE}.*allow_download=True"):
        load_lpips("squeeze")


def test_sizes_must_agree_and_suffice(lpips):
    for b in (pictures(0)[:, :40], pictures(0)[:2]):
        with pytest.raises(ValueError, match="one size"):
            lpips.distance(pictures(0), b)
    with pytest.raises(ValueError, match="at least 32"):
        lpips.distance(pictures(0)[:, :20], pictures(0)[:, :20])


class Bomb:
    """Whoever unpickles it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_weights_that_hold_more_than_tensors_are_not_read(trunk, monkeypatch, tmp_path):
    """torchvision would unpickle them; eight digits in a name do not prove a file."""
    monkeypatch.setattr(pretrained, "sha256", lambda path: "b8a52dc0")
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    state = {**torch.load(tmp_path / "checkpoints" / SQUEEZE), "more": Bomb(tmp_path / "made")}
    torch.save(state, tmp_path / "checkpoints" / SQUEEZE)
    with pytest.raises(InputError, match=r"LPIPS in .* hold more than tensors"):
        load_lpips("squeeze")
    assert not (tmp_path / "made").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
