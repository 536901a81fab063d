import pytest
import torch

from zoetrope.priors.feature_space import FeatureSpace


@pytest.fixture(scope="module")
def world():
    """Two pictures of a subject of two parts on a ground, in 12 features: part 0 left, part 1 right, in the middle."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.nn.functional.one_hot(torch.arange(3), 12).float()
    label = torch.full((2, 12, 12), 2)
    label[:, 3:9, 2:6], label[:, 3:9, 6:10] = 0, 1
    features = kinds[label] + 0.05 * torch.randn(2, 12, 12, 12, generator=generator)
    return features.movedim(-1, 1), label


def test_clusters_are_the_parts_in_every_picture(world):
    features, label = world
    space = FeatureSpace.fit(features, label < 2, dimensions=3, clusters=2)
    clusters = space.clusters(features)
    names = clusters[0, 4, 3], clusters[0, 4, 8]
    assert names[0] != names[1]
    assert bool((clusters[label == 0] == names[0]).all())
    assert bool((clusters[label == 1] == names[1]).all())


def test_saliency_tells_subject_from_background(world):
    features, label = world
    saliency = FeatureSpace.fit(features, label < 2, dimensions=3, clusters=2).saliency(features)
    assert torch.equal(saliency > 0.5, label < 2)
    assert float(saliency.min()) >= 0
    assert float(saliency.max()) <= 1


def test_axes_are_orthonormal_and_keep_what_lies_in_them(world):
    features, label = world
    space = FeatureSpace.fit(features, label < 2, dimensions=4, clusters=2)
    assert torch.allclose(space.axes.T @ space.axes, torch.eye(4), atol=1e-5)
    projected = space.project(features)
    assert projected.shape == (2, 4, 12, 12)
    # The widest axis of the subject parts its two parts.
    assert float((projected[:, 0][label == 0].mean() - projected[:, 0][label == 1].mean()).abs()) > 1.2
    spread = projected.movedim(1, -1)[label < 2].var(0)
    assert bool((spread[:-1] >= spread[1:] - 1e-4).all())


def test_the_same_seed_gives_the_same_space(world):
    features, label = world
    one, two = (FeatureSpace.fit(features, label < 2, dimensions=3, clusters=2, seed=3) for _ in range(2))
    assert torch.equal(one.subject, two.subject)
    assert torch.equal(one.background, two.background)


def test_no_background_and_no_subject(world):
    features, _ = world
    everywhere = torch.ones(2, 12, 12, dtype=torch.bool)
    assert float(FeatureSpace.fit(features, everywhere, 3, 2).saliency(features).min()) == 1
    with pytest.raises(ValueError, match="0 cells of 12 features cannot give 3 dimensions and 2 clusters"):
        FeatureSpace.fit(features, ~everywhere, 3, 2)
