import numpy as np
import pytest

from zoetrope.eval.metrics.silhouette import mask_iou


def box(left, right):
    mask = np.zeros((10, 20), bool)
    mask[2:8, left:right] = True
    return mask


def test_known_overlaps():
    assert mask_iou(box(0, 10), box(0, 10)) == 1
    assert mask_iou(box(0, 10), box(5, 15)) == pytest.approx(1 / 3)
    assert mask_iou(box(0, 5), box(10, 15)) == 0
    assert mask_iou(box(0, 0), box(0, 0)) == 0


def test_batches_and_symmetry():
    a, b = np.stack([box(0, 10), box(0, 5)]), np.stack([box(5, 15), box(0, 5)])
    assert np.allclose(mask_iou(a, b), [1 / 3, 1])
    assert np.array_equal(mask_iou(a, b), mask_iou(b, a))


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="resize"):
        mask_iou(box(0, 1), box(0, 1)[1:])
