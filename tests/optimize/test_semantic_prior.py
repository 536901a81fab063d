"""Which prior a fit takes: what each word means, and what happens where there is no such network."""

from pathlib import Path

import pytest
import torch

from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.observe import Observations
from zoetrope.optimize.semantic_prior import load_semantic_prior
from zoetrope.optimize.starting_template import builds, starting_template
from zoetrope.representations.template import BUILDS
from zoetrope.scenes.collection import load_collection
from zoetrope.scenes.error import InputError

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


def test_none_is_none(good_photos: Path) -> None:
    prior = load_semantic_prior(_config(good_photos, semantic="none"), CPU)
    observations = Observations(load_collection(good_photos))
    assert prior.models == {}
    assert prior.canonical_maps(observations) is None
    start, line = starting_template(_config(good_photos, semantic="none"), observations, prior)
    assert start.skeleton.plan == "quadruped"
    assert "no prior tells the body plan" in line
    assert (
        "no skeleton can be found"
        in starting_template(_config(good_photos, semantic="none", template="discover"), observations, prior)[1]
    )


def test_a_network_that_is_not_there_leaves_the_embedded_one_and_says_so(good_photos: Path, tmp_path: Path) -> None:
    missing = f"timm:{tmp_path}/none.safetensors"
    with pytest.raises(InputError, match="--semantic timm:"):
        load_semantic_prior(_config(good_photos, semantic=missing), CPU)
    away = f"timm:mobilenetv2_100@{tmp_path}/none.safetensors"
    prior = load_semantic_prior(_config(good_photos, semantic=away), CPU)
    assert prior.models == {"canonical": "embedded"}
    assert "embedded canonical network alone: --semantic timm:mobilenetv2_100@" in prior.line
    assert "\n" not in prior.line


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_photos_choose_the_template_and_options_overrule_them(good_photos: Path, plan: str) -> None:
    config = _config(good_photos)
    prior = load_semantic_prior(config, CPU)
    observations = Observations(load_collection(good_photos))
    observations.canonical = prior.canonical_maps(observations)
    assert observations.canonical is not None
    assert prior.canonical is not None
    observations.canonical.plan.fill_(0.02)
    observations.canonical.plan[:, prior.canonical.meaning.plans.index(plan)] = 0.96
    start, line = starting_template(config, observations, prior)
    assert start.skeleton.plan == plan
    assert f"body plan {plan}" in line
    assert builds(start) == BUILDS[start.skeleton.plan]
    asked, _ = starting_template(_config(good_photos, template="bird"), observations, prior)
    assert asked.skeleton.plan == "bird"
