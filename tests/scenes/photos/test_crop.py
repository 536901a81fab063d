from pathlib import Path

import numpy as np
import pytest

from zoetrope.scenes.photos.crop import Crop, crop_for_mask, crop_for_photo, crop_intrinsics, cut
from zoetrope.scenes.photos.photo import Photo


def disc(height, width, centre, radius, oversampling=8):
    """Area coverage of a disc, as bytes: 8x8 samples a pixel are exact to about 1 %."""
    n = oversampling
    y, x = (np.mgrid[: height * n, : width * n] + 0.5) / n
    inside = np.hypot(x - centre[0], y - centre[1]) < radius
    return (inside.reshape(height, n, width, n).mean(axis=(1, 3)) * 255).round().astype(np.uint8)


def photo_of(mask, width=None, height=None):
    pixels = np.repeat(mask[..., None], 3, axis=-1)
    return Photo("a", Path("a.png"), pixels, width or mask.shape[1], height or mask.shape[0], mask)


def moments(image):
    v, u = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    image = image.astype(np.float64)
    return image.sum(), np.array([(image * u).sum(), (image * v).sum()]) / image.sum()


# Shrinking hard, a little, hardly; enlarging a little and much; corners between pixels.
CASES = [(Crop(13.37, 4.61, 200.0), 32), (Crop(20.2, 3.9, 190.3), 150), (Crop(1.5, 2.25, 210.0), 208)]
CASES += [(Crop(30.7, 10.1, 170.9), 224), (Crop(40.0, 22.2, 150.3), 512)]


@pytest.mark.parametrize(("crop", "size"), CASES)
def test_a_disc_keeps_its_place_and_area(crop, size):
    centre, radius = np.array([117.3, 96.8]), 60.0
    content = cut(photo_of(disc(220, 240, centre, radius)), crop, size)
    zoom = size / crop.side
    for image in (content.mask, content.pixels[..., 1]):
        area, found = moments(image)
        assert np.abs(found - crop.to_crop(centre, size)).max() < 0.05
        # The same area as a disc whose radius is off by less than 0.05 crop pixels.
        assert abs(np.sqrt(area / np.pi) - radius * zoom) < 0.05
    assert content.valid.min() == pytest.approx(1)


@pytest.mark.parametrize(("crop", "size"), CASES)
def test_working_copies_of_large_photos_are_cut_in_original_pixels(crop, size):
    """A working copy at 0.4 and 0.5 of the original: crop and result stay in original terms."""
    centre, radius = np.array([117.3, 96.8]), 60.0
    small = disc(110, 96, centre * [0.4, 0.5], radius * 0.4)
    photo = photo_of(small, width=240, height=220)
    _, found = moments(cut(photo, crop, size).mask)
    assert np.abs(found - crop.to_crop(centre, size)).max() < 0.05 * max(1, size / crop.side)


def test_shrinking_does_not_alias():
    """The finest stripes become even grey, at any sub-pixel corner."""
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    for x0 in (0.0, 0.3, 1.7):
        mask = cut(photo_of(stripes), Crop(x0, 0.0, 250.0), 25).mask
        assert np.abs(mask - 0.5).max() < 0.06


def test_whole_photo_at_its_own_size_is_unchanged():
    mask = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    content = cut(photo_of(mask), Crop(0, 0, 40), 40)
    assert np.abs(content.mask * 255 - mask).max() < 1e-3


def test_enlarging_reproduces_linear_ramps():
    ramp = np.repeat(np.arange(0, 200, 4, dtype=np.uint8)[None], 50, axis=0)
    crop, size = Crop(10.3, 10.0, 20.0), 90
    mask = cut(photo_of(ramp), crop, size).mask * 255
    u = crop.to_original(np.stack([np.arange(size) + 0.5] * 2, axis=-1), size)[:, 0]
    assert np.abs(mask[0] - 4 * (u - 0.5)).max() < 1e-3


def test_beyond_the_frame_is_unknown():
    mask = np.full((50, 60), 255, np.uint8)
    crop, size = Crop(-20.0, -10.0, 80.0), 40
    content = cut(photo_of(mask), crop, size)
    inside = np.zeros((size, size), bool)
    inside[5:30, 10:40] = True
    assert np.array_equal(content.valid, inside)
    # The share of what can be seen: subject up to the very edge, never mixed with what is unknown.
    assert np.allclose(content.mask, inside)
    assert (content.pixels[~inside] == 0).all()
    half = cut(photo_of(mask), Crop(-21.0, -10.0, 80.0), 40)
    assert np.allclose(half.valid[10, 9:12], [0, 0.5, 1])
    assert np.allclose(half.mask[10, 9:12], [0, 1, 1])
    outside = cut(photo_of(mask), Crop(100.0, -200.0, 80.0), 16)
    assert outside.valid.max() == outside.mask.max() == 0


def test_crop_is_centred_on_the_subject_with_its_margin():
    mask = np.zeros((100, 200), np.uint8)
    mask[30:50, 100:180] = 255
    crop = crop_for_mask(mask, margin=0.25)
    assert crop == Crop(80.0, -20.0, 120.0)
    assert crop_for_mask(mask, margin=0.25, scale=(0.5, 0.5)) == Crop(160.0, -40.0, 240.0)
    assert crop_for_photo(photo_of(mask, 400, 200), 0.25) == Crop(160.0, -40.0, 240.0)


def test_specks_do_not_count_but_second_limbs_do():
    mask = np.zeros((100, 200), np.uint8)
    mask[30:50, 100:180] = 255
    mask[2:4, 2:4] = 255
    assert crop_for_mask(mask, margin=0).side == 80
    mask[30:50, 10:20] = 255
    assert crop_for_mask(mask, margin=0).side == 170


def test_points_map_both_ways():
    crop, size = Crop(-3.3, 17.9, 211.7), 96
    points = np.random.default_rng(1).uniform(-50, 300, (5, 7, 2))
    assert np.abs(crop.to_original(crop.to_crop(points, size), size) - points).max() < 1e-12
    corners = np.array([[crop.x0, crop.y0], [crop.x0 + crop.side, crop.y0 + crop.side]])
    assert np.allclose(crop.to_crop(corners, size), [[0, 0], [size, size]])


def test_intrinsics_follow_the_crop():
    crop, size = Crop(-3.3, 17.9, 211.7), 96
    lens = (500.0, 510.0, 300.0, 190.0)
    point = np.array([0.1, -0.2, -2.0])

    def pixel(fx, fy, cx, cy):
        return np.array([cx + fx * point[0] / -point[2], cy - fy * point[1] / -point[2]])

    inner = crop_intrinsics(*lens, crop, size)
    assert np.allclose(pixel(*inner), crop.to_crop(pixel(*lens), size))


def test_impossible_requests():
    photo = photo_of(np.full((40, 40), 255, np.uint8))
    with pytest.raises(ValueError, match="size is 0"):
        cut(photo, Crop(0, 0, 10), 0)
    with pytest.raises(ValueError, match="side is -1"):
        cut(photo, Crop(0, 0, -1), 8)
    with pytest.raises(ValueError, match="marks no subject"):
        crop_for_mask(np.zeros((40, 40), np.uint8))
    with pytest.raises(ValueError, match="margin"):
        crop_for_mask(np.full((40, 40), 255, np.uint8), margin=-0.1)
    with pytest.raises(ValueError, match=r"masks/a\.png"):
        crop_for_photo(Photo("a", Path("a.jpg"), photo.pixels, 40, 40))
