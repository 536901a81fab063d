import numpy as np
import pytest

from zoetrope.eval.metrics.boundary import boundary_f


def box(left, top, right, bottom, size=(100, 100)):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def test_the_same_outline_scores_one():
    assert boundary_f(box(20, 30, 70, 80), box(20, 30, 70, 80)) == 1


def test_a_shift_within_the_tolerance_is_forgiven_and_beyond_it_is_not():
    """The tolerance of a 100 x 100 picture is ceil(0.008 * 141.4) = 2 pixels."""
    still = box(20, 30, 70, 80)
    assert boundary_f(box(22, 30, 72, 80), still) == 1
    # Shifted by 3, the upright sides miss and the level ones meet, but for their ends.
    assert boundary_f(box(23, 30, 73, 80), still) == pytest.approx(0.5, abs=0.05)
    assert boundary_f(box(23, 33, 73, 83), still) < 0.1
    assert boundary_f(box(23, 30, 73, 80), still, tolerance=0.03) == 1


def test_a_missing_limb_costs_recall_and_hardly_any_overlap():
    body = box(20, 20, 80, 60)
    limbed = body | box(30, 60, 34, 95)
    assert 0.75 < boundary_f(body, limbed) < 0.87
    assert boundary_f(body, limbed) == boundary_f(limbed, body)


def test_the_frame_is_no_outline():
    """A body cut off by the frame has an outline on its other sides alone."""
    cut = box(0, 0, 50, 100)
    assert boundary_f(cut, box(0, 20, 50, 100)) == pytest.approx(0.76, abs=0.06)
    assert boundary_f(box(0, 0, 100, 100), box(0, 0, 0, 0)) == 1


def test_nothing_found_scores_nothing():
    assert boundary_f(box(0, 0, 0, 0), box(20, 20, 60, 60)) == 0
    assert boundary_f(box(20, 20, 60, 60), box(0, 0, 0, 0)) == 0


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="resize"):
        boundary_f(box(0, 0, 5, 5), box(0, 0, 5, 5)[1:])
