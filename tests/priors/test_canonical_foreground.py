"""The canonical prior's foreground: in the photo's own pixels, from a look at the whole and a closer one."""

import torch
from torch import Tensor

from zoetrope.priors.canonical import CanonicalMaps, CanonicalPrior
from zoetrope.priors.canonical_foreground import canonical_foreground


class Bright(CanonicalPrior):
    """Takes for foreground what is bright, on maps of 80 pixels, and keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(
        self, pictures: Tensor, masks: Tensor | None = None, size: int = 160, mirror: bool = True
    ) -> CanonicalMaps:
        assert masks is None
        self.seen.append(pictures)
        planes = torch.nn.functional.interpolate(pictures.permute(0, 3, 1, 2), (80, 80), mode="area")
        share = planes.mean(1)
        nothing = torch.zeros(len(share), 1)
        maps = torch.zeros(len(share), 1, 80, 80)
        return CanonicalMaps(
            share, share, maps, maps[:, 0], torch.zeros(len(share), 80, 80, 3), maps[:, 0], maps,
            torch.zeros(len(share), 1, 1), nothing, nothing,
        )  # fmt: skip


def _picture(height: int, width: int, box: tuple[int, int, int, int]) -> Tensor:
    left, top, right, bottom = box
    picture = torch.zeros(1, height, width, 3)
    picture[:, top:bottom, left:right] = 1
    return picture


def test_a_small_subject_is_looked_at_closely_and_found_in_the_photos_pixels() -> None:
    prior = Bright()
    picture = _picture(240, 360, (200, 60, 260, 130))
    found = canonical_foreground(prior)(picture)
    assert found.shape == (1, 240, 360)
    assert len(prior.seen) == 2
    # The closer look shows the subject with room round it, and more of its pixels.
    assert float(prior.seen[1].mean()) > 3 * float(prior.seen[0].mean())
    inside = found > 0.5
    true = picture[..., 0] > 0.5
    assert float((inside & true).sum() / (inside | true).sum()) > 0.96


def test_a_subject_that_fills_the_photo_needs_one_look() -> None:
    prior = Bright()
    picture = _picture(200, 120, (5, 5, 115, 195))
    found = canonical_foreground(prior)(picture) > 0.5
    assert len(prior.seen) == 1
    true = picture[..., 0] > 0.5
    assert float((found & true).sum() / (found | true).sum()) > 0.93


def test_where_nothing_is_found_nothing_is_said() -> None:
    found = canonical_foreground(Bright())(torch.zeros(2, 50, 70, 3))
    assert found.shape == (2, 50, 70)
    assert float(found.max()) == 0
