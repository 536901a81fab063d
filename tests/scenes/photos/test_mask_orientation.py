"""Masks of photos that EXIF turns: of stored or of upright pixels, told by size or by what the photo shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoetrope.scenes.photos.decode import as_stored
from zoetrope.scenes.photos.mask_file import MaskPicture
from zoetrope.scenes.photos.mask_orientation import place_masks
from zoetrope.scenes.photos.photo import Photo


def photo_of(pixels, orientation=1):
    height, width = pixels.shape[:2]
    return Photo("a", Path("a.jpg"), pixels, width, height, orientation=orientation)


def picture_of(values, orientation=1):
    return MaskPicture(values, values.shape[1], values.shape[0], orientation)


def placed(photos, pictures):
    return place_masks(photos, pictures, [f"masks/{k}.png" for k in range(len(photos))])


@pytest.mark.parametrize("size", [(120, 160), (140, 140)])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("made_of", ["stored", "upright"])
def test_every_orientation(draw_animal, size, orientation, made_of):
    drawn = [draw_animal(seed, *size) for seed in range(3)]
    given = [as_stored(mask, orientation) if made_of == "stored" else mask for _, mask in drawn]
    found = placed([photo_of(photo, orientation) for photo, _ in drawn], [picture_of(mask) for mask in given])
    for mask, (_, wanted) in zip(found.masks, drawn, strict=True):
        assert (mask == wanted).all()
    assert found.misshapen == {}
    assert len(found.notes) == (made_of == "stored" and orientation != 1)
    assert all("of the stored pixels" in note for note in found.notes)


@pytest.mark.parametrize("orientation", [3, 6])
def test_an_exif_block_in_the_mask_may_be_true_or_copied(draw_animal, orientation):
    """Tools that copy EXIF into masks of upright pixels, and tools that keep stored pixels and EXIF alike."""
    photo, mask = draw_animal(0)
    stored = as_stored(mask, orientation)
    # What a reader that undoes EXIF makes of each file.
    kept, copied = picture_of(mask, orientation), picture_of(as_stored(mask, {3: 3, 6: 8}[orientation]), orientation)
    assert (as_stored(kept.values, orientation) == stored).all()
    assert (as_stored(copied.values, orientation) == mask).all()
    for picture, notes in ((kept, 0), (copied, 1)):
        found = placed([photo_of(photo, orientation)], [picture])
        assert (found.masks[0] == mask).all()
        assert len(found.notes) == notes


def test_photos_that_say_little_follow_the_others(draw_animal):
    """A photo in fog among clear ones; by itself it would keep its mask as it is."""
    drawn = [draw_animal(seed) for seed in range(3)]
    fog = np.full((120, 160, 3), 128, np.uint8)
    photos = [photo_of(photo, 3) for photo in (drawn[0][0], drawn[1][0], fog)]
    given = [picture_of(mask[::-1, ::-1].copy()) for _, mask in drawn]
    found = placed(photos, given)
    assert all((mask == wanted).all() for mask, (_, wanted) in zip(found.masks, drawn, strict=True))
    alone = placed(photos[2:], given[2:])
    assert (alone.masks[0] == given[2].values).all()


@pytest.mark.parametrize("factor", [0.5, 0.37, 2.0])
def test_other_sizes_of_the_same_shape_are_scaled(draw_animal, factor):
    import cv2

    photo, mask = draw_animal(0, 240, 320)
    size = round(320 * factor), round(240 * factor)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    found = placed([photo_of(photo)], [picture_of(small)])
    wanted, got = mask >= 128, found.masks[0] >= 128
    assert (wanted & got).sum() / (wanted | got).sum() > 0.95
    (note,) = found.notes
    assert f"{size[0]}x{size[1]}" in note


def test_other_shapes_are_refused_and_say_so(draw_animal):
    photo, mask = draw_animal(0)
    found = placed([photo_of(photo)] * 2, [picture_of(mask[:100].copy()), None])
    assert found.masks == [None, None]
    assert found.misshapen == {0: "is 160x100 but its photo is 160x120, another shape"}


def test_quarter_turns_without_exif_are_refused(draw_animal):
    photo, mask = draw_animal(0)
    assert list(placed([photo_of(photo)], [picture_of(np.rot90(mask).copy())]).misshapen) == [0]


def test_a_photo_and_its_mask_of_one_size_are_not_compared(draw_animal):
    """Nothing is moved without a reason, even where another way would fit better."""
    photo, mask = draw_animal(0)
    wrong = mask[::-1, ::-1].copy()
    assert placed([photo_of(photo)], [picture_of(wrong)]).masks[0] is wrong
    assert replace(photo_of(photo), orientation=3).orientation == 3
