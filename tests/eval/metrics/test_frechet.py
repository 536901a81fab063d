import pytest
import torch
from scipy.linalg import sqrtm

from zoetrope.eval.metrics.frechet import FeatureStatistics, frechet_distance


def features(seed, count=40, width=6):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=generator, dtype=torch.float64)
    return torch.randn(count, width, generator=generator, dtype=torch.float64) @ mix + seed


class Means(torch.nn.Module):
    """A network whose features are its input: a picture of one pixel per feature."""

    num_features = 6

    def forward(self, pictures):
        return pictures[:, 0, 0]


def test_known_gaussians():
    one = FeatureStatistics(torch.zeros(3).double(), torch.eye(3).double(), 9)
    moved = FeatureStatistics(torch.tensor([1.0, 2, 2]).double(), torch.eye(3).double(), 9)
    wide = FeatureStatistics(torch.zeros(3).double(), torch.diag(torch.tensor([4.0, 9, 1])).double(), 9)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, moved) == pytest.approx(9)
    # (2 - 1)^2 + (3 - 1)^2 along the axes.
    assert frechet_distance(one, wide) == pytest.approx(5)
    assert frechet_distance(wide, one) == pytest.approx(5)


def test_it_is_the_textbook_formula_and_torchmetrics():
    # Imported here, since it takes seconds, and each worker imports what stands above.
    from torchmetrics.image.fid import FrechetInceptionDistance

    a, b = FeatureStatistics.of(features(1)), FeatureStatistics.of(features(2))
    root = sqrtm((a.covariance @ b.covariance).numpy()).real
    textbook = (a.mean - b.mean).square().sum() + (a.covariance + b.covariance).trace() - 2 * root.trace()
    assert frechet_distance(a, b) == pytest.approx(float(textbook), rel=1e-9)
    theirs = FrechetInceptionDistance(feature=Means(), normalize=True)
    theirs.update(features(1)[:, None, None], real=True)
    theirs.update(features(2)[:, None, None], real=False)
    assert frechet_distance(a, b) == pytest.approx(float(theirs.compute()), rel=1e-5)


def test_fewer_features_than_dimensions():
    few = FeatureStatistics.of(features(3, count=4))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(few, FeatureStatistics.of(features(4, count=4))) > 1


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match="2 or more"):
        FeatureStatistics.of(features(0, count=1))
    with pytest.raises(ValueError, match="one network"):
        frechet_distance(FeatureStatistics.of(features(0)), FeatureStatistics.of(features(0, width=5)))
