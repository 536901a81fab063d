"""The package's own network as a judge: worse pictures are farther, the right species has the odds."""

import pytest
import torch

from zoetrope.eval.embedded_judge import embedded_features, load_embedded_judge, species_odds
from zoetrope.eval.metrics.feature_distance import feature_distance, name_of
from zoetrope.eval.picture_score import load_judges
from zoetrope.priors.canonical import CanonicalPrior
from zoetrope.scenes.photography.photograph import PhotographyConfig
from zoetrope.scenes.zoo.sitting import take_photos
from zoetrope.scenes.zoo.stream import StreamConfig


@pytest.fixture(scope="module")
def judge() -> CanonicalPrior:
    return load_embedded_judge()


@pytest.fixture(scope="module")
def elephants() -> torch.Tensor:
    photography = PhotographyConfig(size=160, viewpoint=StreamConfig().viewpoint)
    sitting = take_photos("elephant", 4, torch.Generator().manual_seed(8_000_001), photography)
    return torch.stack([torch.from_numpy(shot.photo).float() / 255 for shot in sitting.shots])


def test_the_more_a_picture_is_spoilt_the_farther_it_is(judge: CanonicalPrior, elephants: torch.Tensor) -> None:
    network = embedded_features(judge)
    noise = torch.randn(elephants.shape, generator=torch.Generator().manual_seed(0))
    distances = [
        float(feature_distance(network, (elephants + level * noise).clamp(0, 1), elephants).mean())
        for level in (0.0, 0.02, 0.08, 0.3)
    ]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances == sorted(distances)
    assert 0.02 < distances[-1] < 2
    assert name_of("feature_distance", network) == "feature_distance(canonical)"


def test_its_maps_go_on_to_what_it_says(judge: CanonicalPrior, elephants: torch.Tensor) -> None:
    small = torch.nn.functional.interpolate(elephants.permute(0, 3, 1, 2), (192, 192), mode="bilinear")
    stages = judge.stages(small)
    assert [stage.shape[2] for stage in stages] == [96, 48, 24, 12, 6]
    assert all(bool(stage.any()) for stage in stages)


def test_an_elephant_is_taken_for_one(judge: CanonicalPrior, elephants: torch.Tensor) -> None:
    assert species_odds(judge, elephants, "Elephant") > 0.6
    assert species_odds(judge, elephants, "fox") < 0.1
    with pytest.raises(ValueError, match="no species that the network knows"):
        species_odds(judge, elephants, "dragon")


def test_it_is_asked_for_by_name() -> None:
    judges = load_judges(features="embedded", category="fox")
    assert judges.embedded is not None
    assert judges.features is not None
    assert judges.features.name == "canonical"
    assert load_judges().embedded is None
