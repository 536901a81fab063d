import numpy as np
import pytest

from zoetrope.scenes.photos.mask_sense import is_noise, turn_inverted


@pytest.fixture(scope="module")
def animals(draw_animal):
    drawn = [draw_animal(seed) for seed in range(5)]
    return [photo for photo, _ in drawn], [mask for _, mask in drawn]


@pytest.fixture(scope="module")
def close_ups(animals):
    """Cut into the body: the animal covers most of the border."""
    photos, masks, parts = *animals, []
    for photo, mask in zip(photos, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        part = slice(rows[0] + 14, rows[0] + 40), slice(columns[0] + 6, columns[0] + 56)
        parts.append((np.ascontiguousarray(photo[part]), np.ascontiguousarray(mask[part])))
    return [photo for photo, _ in parts], [mask for _, mask in parts]


NAMES = [f"{k}.png" for k in range(6)]


def equal(found, wanted):
    return all((a == b).all() for a, b in zip(found, wanted, strict=True))


def test_good_masks_are_left_alone(animals):
    photos, masks = animals
    judged = turn_inverted(photos, [*masks[:4], None], NAMES)
    assert (judged.turned, judged.notes, judged.masks[4]) == ([], [], None)
    assert all(found is given for found, given in zip(judged.masks, masks[:4], strict=False))


def test_all_inverted_are_turned_round_with_a_note(animals):
    photos, masks = animals
    judged = turn_inverted(photos, [255 - mask for mask in masks], NAMES)
    assert equal(judged.masks, masks)
    (note,) = judged.notes
    assert "all masks" in note
    assert "turned round" in note


@pytest.mark.parametrize("wrong", [{2}, {0, 3}, {0, 1, 3, 4}])
def test_some_inverted_among_good_ones_are_found(animals, wrong):
    photos, masks = animals
    given = [255 - mask if k in wrong else mask for k, mask in enumerate(masks)]
    judged = turn_inverted(photos, given, NAMES)
    assert set(judged.turned) == wrong
    assert equal(judged.masks, masks)
    assert all(NAMES[k] in judged.notes[0] or "more" in judged.notes[0] for k in wrong)


def test_one_photo_alone(animals):
    photos, masks = animals
    assert equal(turn_inverted(photos[:1], [255 - masks[0]], NAMES).masks, masks[:1])


def test_small_subjects(draw_animal):
    """Less than two percent of the picture."""
    drawn = [draw_animal(seed) for seed in range(4)]
    photos = [np.pad(photo, ((150, 150), (200, 150), (0, 0)), mode="reflect") for photo, _ in drawn]
    masks = [np.pad(mask, ((150, 150), (200, 150))) for _, mask in drawn]
    assert all((mask > 0).mean() < 0.02 for mask in masks)
    assert equal(turn_inverted(photos, [255 - mask for mask in masks], NAMES).masks, masks)


def test_close_ups_are_believed_and_noted(close_ups):
    photos, masks = close_ups
    border = [np.concatenate([m[0], m[-1], m[:, 0], m[:, -1]]).mean() / 255 for m in masks]
    assert min(border) > 0.6
    judged = turn_inverted(photos, masks, NAMES)
    assert judged.turned == []
    assert "taken for a close-up" in judged.notes[0]


def test_a_close_up_among_others_is_told_by_its_colours(animals, close_ups):
    photos, masks = animals
    close, its_mask = close_ups[0][0], close_ups[1][0]
    assert turn_inverted([*photos, close], [*masks, its_mask], NAMES).turned == []


def test_noise_is_no_subject(animals):
    random = np.random.default_rng(0)
    assert is_noise(np.where(random.random((300, 400)) < 0.1, 255, 0).astype(np.uint8))
    assert not any(map(is_noise, animals[1]))
    # Behind a fence, in twenty pieces.
    fenced = animals[1][0].copy()
    fenced[:, ::8] = 0
    assert not is_noise(fenced)


def test_a_gap_between_legs_is_no_subject(animals):
    """The animal all round the frame, the meadow seen through it: by its shape alone it would be taken for inverted."""
    photos, masks = animals
    rows, columns = np.mgrid[:120, :160]
    gap = np.hypot((columns - 80) / 40, (rows - 60) / 25) < 1
    coat = photos[0][masks[0] > 0][:100].mean(axis=0)
    close = np.where(gap[..., None], photos[0][masks[0] == 0][:19200].mean(axis=0), coat).astype(np.uint8)
    its_mask = np.where(gap, 0, 255).astype(np.uint8)
    assert turn_inverted([*photos, close], [*masks, its_mask], NAMES).turned == []
    # With the colours of a subject in the middle it is turned.
    assert turn_inverted([*photos, close], [*masks, 255 - its_mask], NAMES).turned == []
    other = np.where(gap[..., None], coat, photos[0][masks[0] == 0][:19200].mean(axis=0)).astype(np.uint8)
    assert turn_inverted([*photos, other], [*masks, its_mask], NAMES).turned == [5]
