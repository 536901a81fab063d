"""The canonical prior as a whole: shapes, mirror images, files."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zoetrope.priors.canonical import CanonicalMeaning, CanonicalPrior, backbone_features, save_canonical
from zoetrope.priors.canonical_network import CanonicalLayout, CanonicalNetwork, fold_sides
from zoetrope.priors.semantic import load_semantic

MEANING = CanonicalMeaning(
    chart_version=7,
    parts=("head", "trunk", "leg"),
    plans=("quadruped", "bird"),
    species=("fox", "hen"),
    azimuth_count=12,
    elevation_edges_deg=(-30.0, 0.0, 30.0, 90.0),
)


def network(seed: int = 0) -> CanonicalNetwork:
    """Small and untrained, but with statistics of its own in every norm, as after training."""
    torch.manual_seed(seed)
    layout = CanonicalLayout(
        3, 12, 3, 2, 2, stem=8, widths=(8, 12, 16, 24), token_width=32, pyramid=16, fine=8, key_count=9
    )
    made = CanonicalNetwork(layout)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
    made(torch.rand(8, 3, 64, 64), torch.rand(8, 64, 64).round(), torch.ones(8))
    return made.eval()


@pytest.fixture(scope="module")
def prior() -> CanonicalPrior:
    return CanonicalPrior(network(), MEANING)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.rand(3, 50, 50, 3, generator=torch.Generator().manual_seed(1))


def test_maps_have_half_the_size_and_are_what_they_say(prior: CanonicalPrior, pictures: torch.Tensor) -> None:
    maps = prior(pictures, size=96)
    assert maps.foreground.shape == maps.amodal.shape == maps.left.shape == maps.spread.shape == (3, 48, 48)
    assert maps.part.shape == (3, 3, 48, 48)
    assert maps.canonical_xyz.shape == (3, 48, 48, 3)
    assert maps.view.shape == (3, 12, 3)
    for odds in (maps.foreground, maps.amodal, maps.left):
        assert 0 <= float(odds.min()) <= float(odds.max()) <= 1
    for odds in (maps.part, maps.view.flatten(1), maps.plan, maps.species):
        torch.testing.assert_close(odds.sum(1), torch.ones_like(odds[:, 0]))
    assert float(maps.canonical_xyz[..., 0].min()) >= 0
    assert float(maps.spread.min()) > 0
    torch.testing.assert_close(maps.descriptor.norm(dim=1), torch.ones(3, 48, 48))


def test_a_mirror_image_is_the_same_with_left_and_right_swapped(prior: CanonicalPrior, pictures: torch.Tensor) -> None:
    maps, other = prior(pictures, size=64), prior(pictures.flip(2), size=64)
    torch.testing.assert_close(other.left, 1 - maps.left.flip(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(other.canonical_xyz, maps.canonical_xyz.flip(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(other.foreground, maps.foreground.flip(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(other.spread, maps.spread.flip(2), atol=1e-5, rtol=0)
    # A camera at azimuth a in the picture is at -a in its mirror image.
    torch.testing.assert_close(other.view, maps.view.flip(1), atol=1e-5, rtol=0)
    alone = prior(pictures, size=64, mirror=False)
    assert (alone.left - maps.left).abs().max() > 1e-3, "an untrained network does not know this by itself"
    assert (
        maps.spread >= (alone.spread + prior(pictures.flip(2), size=64, mirror=False).spread.flip(2)) / 2 - 1e-6
    ).all()


def test_masks_count_where_they_are_given(prior: CanonicalPrior, pictures: torch.Tensor) -> None:
    masks = torch.zeros(3, 50, 50)
    without, empty, full = prior(pictures), prior(pictures, masks), prior(pictures, masks + 1)
    assert (without.foreground - empty.foreground).abs().max() > 1e-3, "no mask is not an empty one"
    assert (full.foreground - empty.foreground).abs().max() > 1e-3


def test_photos_do_not_depend_on_their_company(prior: CanonicalPrior, pictures: torch.Tensor) -> None:
    many = pictures.repeat(14, 1, 1, 1)
    torch.testing.assert_close(
        prior(many, size=64).canonical_xyz[-3:], prior(pictures, size=64).canonical_xyz, atol=1e-5, rtol=0
    )


def test_a_folded_network_says_the_same() -> None:
    whole = network(5)
    quick = fold_sides(whole)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in quick.modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in whole.modules()), "the original can still learn"
    seen = torch.rand(2, 3, 64, 64), torch.rand(2, 64, 64), torch.ones(2)
    one, other = vars(whole(*seen)), vars(quick(*seen))
    for name, values in one.items():
        torch.testing.assert_close(other[name], values, atol=2e-4, rtol=1e-4, msg=name)


def test_what_cannot_be_looked_at(prior: CanonicalPrior) -> None:
    with pytest.raises(ValueError, match="60x50; the network looks at square crops"):
        prior(torch.rand(1, 50, 60, 3))
    with pytest.raises(ValueError, match="size is 100; it must be a multiple of 32"):
        prior(torch.rand(1, 50, 50, 3), size=100)


def test_a_file_gives_back_network_and_meaning(pictures: torch.Tensor, tmp_path: Path) -> None:
    made, path = network(3), tmp_path / "weights.safetensors"
    save_canonical(made, MEANING, path)
    assert path.stat().st_size < 2.3 * sum(p.numel() for p in made.parameters()) + 60_000, "half precision"
    read = CanonicalPrior.load(path, chart_version=7)
    assert read.meaning == MEANING
    assert not any(p.requires_grad for p in read.network.parameters())
    before, after = CanonicalPrior(made, MEANING)(pictures), read(pictures)
    torch.testing.assert_close(after.view, before.view, atol=5e-3, rtol=0)
    torch.testing.assert_close(after.canonical_xyz, before.canonical_xyz, atol=3e-2, rtol=0)


def test_files_that_are_no_such_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_canonical(network(), MEANING, path)
    with pytest.raises(ValueError, match="trained on chart version 7, and this is 8; train it again"):
        CanonicalPrior.load(path, chart_version=8)
    path.write_bytes(b"no")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        CanonicalPrior.load(path, chart_version=7)
    from safetensors.torch import save_file

    save_file({"x": torch.ones(1)}, path)
    with pytest.raises(ValueError, match="has format version none"):
        CanonicalPrior.load(path, chart_version=7)


def test_a_network_on_a_frozen_backbone(pictures: torch.Tensor, small_vit: Path, tmp_path: Path) -> None:
    meaning = replace(MEANING, backbone=f"timm:{small_vit}")
    backbone = load_semantic(meaning.backbone)
    torch.manual_seed(3)
    layout = replace(network().layout, backbone=backbone.features(torch.zeros(1, 14, 14, 3)).shape[1])
    made = CanonicalNetwork(layout)
    features = backbone_features(backbone, pictures.permute(0, 3, 1, 2)[:, :, :32, :32])
    assert features is not None
    assert features.shape == (3, 24, 2, 2)
    made(torch.rand(4, 3, 64, 64), torch.zeros(4, 64, 64), torch.zeros(4), torch.rand(4, 24, 4, 4))
    save_canonical(made, meaning, tmp_path / "head.safetensors")
    prior = CanonicalPrior.load(tmp_path / "head.safetensors", 7)
    maps = prior(pictures, size=64)
    # The features have a say.
    louder = CanonicalPrior(prior.network, meaning, backbone)
    with torch.no_grad():
        louder.network.adapt[0].weight.mul_(3)  # type: ignore[index]
    assert float((louder(pictures, size=64).part - maps.part).abs().max()) > 1e-4
    with pytest.raises(ValueError, match="features are missing"):
        made(torch.rand(1, 3, 64, 64), torch.zeros(1, 64, 64), torch.zeros(1))
    with pytest.raises(ValueError, match="features are of no use here"):
        network()(torch.rand(1, 3, 64, 64), torch.zeros(1, 64, 64), torch.zeros(1), torch.rand(1, 24, 4, 4))
