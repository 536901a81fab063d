"""Which prior a fit takes: what each word means, and what happens where there is no such network."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.observe.semantic_prior import doubt, load_semantic_prior
from zoetrope.optimize.pretrain.canonical import layout, meaning
from zoetrope.optimize.start.starting_template import starting_templates
from zoetrope.priors.canonical import CanonicalPrior, save_canonical
from zoetrope.priors.canonical_network import CanonicalNetwork
from zoetrope.priors.embedded import CANONICAL
from zoetrope.representations.body.template import BUILDS
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection

CPU = torch.device("cpu")


def _config(photos: Path, **options: object) -> FitConfig:
    return FitConfig(photos=photos, out=Path("out"), **options)  # type: ignore[arg-type]


def test_the_embedded_network_is_what_auto_means_on_a_cpu(good_photos: Path) -> None:
    prior = load_semantic_prior(_config(good_photos), CPU)
    assert prior.models == {"canonical": "embedded"}
    observations = Observations(load_collection(good_photos))
    maps = prior.canonical_maps(observations)
    assert maps is not None
    assert maps.foreground.shape[0] == len(observations)
    assert prior.feature_maps(observations) is None
    # Given the mask, the network repeats it.
    mask = observations.at(maps.foreground.shape[1]).mask
    inside, said = mask > 0.5, maps.foreground > 0.5
    assert float((inside & said).sum() / (inside | said).sum()) > 0.8


def test_a_network_that_is_not_sure_of_the_subject_is_doubted(good_photos: Path) -> None:
    observations = Observations(load_collection(good_photos))
    assert doubt(observations) == ""
    maps = load_semantic_prior(_config(good_photos), CPU).canonical_maps(observations)
    assert maps is not None
    flat = torch.full_like(maps.part, 1 / maps.part.shape[1])
    sure = torch.zeros_like(maps.part)
    sure[:, 3] = 1
    for part, words in (
        (flat, "is not sure of this subject"),
        (sure, ""),
        (0.44 * sure, "odds of 44%, at least 60%"),
    ):
        observations = replace(observations, canonical=replace(maps, part=part))
        assert words in doubt(observations)
        assert bool(doubt(observations)) == bool(words)


def test_none_is_none(good_photos: Path) -> None:
    prior = load_semantic_prior(_config(good_photos, semantic="none"), CPU)
    observations = Observations(load_collection(good_photos))
    assert prior.models == {}
    assert prior.canonical_maps(observations) is None
    starts, line = starting_templates(_config(good_photos, semantic="none"), observations, prior)
    assert [start.build for start in starts] == list(BUILDS["quadruped"])
    assert "no prior tells the body plan" in line
    assert (
        "no skeleton can be found"
        in starting_templates(_config(good_photos, semantic="none", template="discover"), observations, prior)[1]
    )


@pytest.mark.parametrize(
    "name", ["timm:{tmp}/none.safetensors", "timm:mobilenetv2_100@{tmp}/none.safetensors", "{tmp}/none.safetensors"]
)
def test_a_network_that_is_named_and_not_there_is_refused(name: str, good_photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--semantic ") as caught:
        load_semantic_prior(_config(good_photos, semantic=name.format(tmp=tmp_path)), CPU)
    assert "\n" not in str(caught.value)


def test_one_of_the_hub_that_is_not_in_its_cache_is_refused_offline(
    good_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = "timm:vit_small_patch14_dinov2.lvd142m"
    with pytest.raises(InputError, match="are not in the local cache, and downloads are off"):
        load_semantic_prior(_config(good_photos, semantic=name, offline=True), CPU)


def test_the_large_network_that_nobody_named_may_be_missing(good_photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *, offline: bool, device: object) -> None:
        assert offline, "nothing is downloaded unasked"
        raise OSError("the weights are not in the local cache")

    load, where = CanonicalPrior.load, torch.device("cuda")
    monkeypatch.setattr("zoetrope.optimize.observe.semantic_prior.load_semantic", missing)
    monkeypatch.setattr(CanonicalPrior, "load", lambda path, version, device: load(path, version, CPU))
    prior = load_semantic_prior(_config(good_photos), where)
    assert prior.models == {"canonical": "embedded"}
    assert "alone: the weights are not in the local cache" in prior.line


def test_a_network_of_ones_own(good_photos: Path, small_vit: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    shutil.copy(CANONICAL, path)
    config = _config(good_photos, semantic=str(path))
    assert load_semantic_prior(config, CPU).models == {"canonical": str(path)}
    # The file goes with the run folder's config, wherever the two move together.
    data = replace(config, out=tmp_path / "run").to_json()
    assert data["options"]["semantic"] == "../mine.safetensors"
    assert FitConfig.from_json(data, tmp_path / "run").trained_prior == path
    says = meaning(f"timm:{small_vit}")
    save_canonical(CanonicalNetwork(layout(says, 24)).eval(), says, path)
    prior = load_semantic_prior(config, CPU)
    assert set(prior.models) == {"canonical", "features"}
    observations = Observations(load_collection(good_photos))
    features = prior.feature_maps(observations)
    assert features is not None
    assert features.shape == (len(observations), 24, 32, 32)
    assert prior.canonical_maps(observations) is not None
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"--semantic .*mine\.safetensors: .* cannot be read as safetensors"):
        load_semantic_prior(config, CPU)


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_photos_choose_the_template_and_options_overrule_them(good_photos: Path, plan: str) -> None:
    config = _config(good_photos)
    prior = load_semantic_prior(config, CPU)
    observations = Observations(load_collection(good_photos))
    observations = replace(observations, canonical=prior.canonical_maps(observations))
    assert observations.canonical is not None
    assert prior.canonical is not None
    observations.canonical.plan.fill_(0.02)
    observations.canonical.plan[:, prior.canonical.meaning.plans.index(plan)] = 0.96
    observations.canonical.species.fill_(0.01)
    starts, line = starting_templates(config, observations, prior)
    assert {start.skeleton.plan for start in starts} == {plan}
    assert f"body plan {plan}" in line
    assert tuple(start.build for start in starts) == BUILDS[starts[0].skeleton.plan]
    asked, _ = starting_templates(_config(good_photos, template="bird"), observations, prior)
    assert asked[0].skeleton.plan == "bird"


def test_bodies_of_the_likeliest_species_of_the_plan_compete(good_photos: Path) -> None:
    config = _config(good_photos, template="quadruped")
    prior = load_semantic_prior(config, CPU)
    observations = Observations(load_collection(good_photos))
    observations = replace(observations, canonical=prior.canonical_maps(observations))
    assert observations.canonical is not None
    assert prior.canonical is not None
    odds = {"elephant": 0.3, "penguin": 0.4, "deer": 0.2, "horse": 0.16, "cow": 0.14}
    for column, name in enumerate(prior.canonical.meaning.species):
        observations.canonical.species[:, column] = odds.get(name, 0.001)
    starts, line = starting_templates(config, observations, prior)
    assert [start.build for start in starts] == [*BUILDS["quadruped"], "elephant", "deer"]
    assert "the zoo's elephant (30%) and the zoo's deer (20%) tried as well" in line
    assert any("proboscis" in name for name in starts[2].skeleton.names)
