import pytest
import torch

from zoetrope.priors.feature_cache import cached_maps
from zoetrope.priors.semantic import FeatureOptions, load_semantic

PICTURES = torch.rand(2, 42, 56, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network(small_vit):
    return load_semantic(str(small_vit))


def test_a_second_look_gives_the_same_bytes_without_the_network(network, tmp_path, monkeypatch):
    first = cached_maps(network, PICTURES, folder=tmp_path)
    assert torch.allclose(first.features, network.features(PICTURES), atol=1e-3)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(type(network), "describe", None)
    second = cached_maps(network, PICTURES.flip(0), folder=tmp_path)
    assert torch.equal(first.features, second.features.flip(0))
    assert torch.equal(first.attention, second.attention.flip(0))


def test_other_pixels_and_other_options_are_other_features(network, small_vit, tmp_path):
    cached_maps(network, PICTURES[:1], folder=tmp_path)
    changed = PICTURES[:1].clone()
    changed[0, 20, 20, 1] += 0.1
    cached_maps(network, changed, folder=tmp_path)
    keys = load_semantic(str(small_vit), options=FeatureOptions(facet="keys"))
    cached_maps(keys, PICTURES[:1], folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_broken_file_is_made_again(network, tmp_path):
    first = cached_maps(network, PICTURES[:1], folder=tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert torch.equal(cached_maps(network, PICTURES[:1], folder=tmp_path).features, first.features)
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_done_without(network, tmp_path):
    (tmp_path / "file").write_text("")
    maps = cached_maps(network, PICTURES, folder=tmp_path / "file" / "cache")
    assert maps.features.shape == (2, 24, 3, 4)
