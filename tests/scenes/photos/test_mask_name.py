from pathlib import Path

import pytest

from zoetrope.scenes.photos.mask_name import is_mask_folder, mask_keys, name_key, photo_keys, says_ignore

BESIDE = [
    "a_mask",
    "a-mask",
    "a.mask",
    "a mask",
    "a(mask)",
    "aMask",
    "a_masks",
    "mask_a",
    "mask-a",
    "masks_a",
    "a_alpha",
]
BESIDE += ["a_matte", "a_seg", "a_segmentation", "a_silhouette", "a_mask_0", "a_mask0", "a_binary_mask", "a_sam_mask"]
BESIDE += ["seg_a", "alpha_a", "a_gt", "a_label", "a.jpg_mask", "a_jpg_mask", "A_MASK", "a_cutout", "a_nobg", "a-no-bg"]
BESIDE += ["a.out", "a_rgba", "a-removebg-preview", "a_mask_final", "a_mask_rgb"]


@pytest.mark.parametrize("stem", BESIDE)
def test_words_for_masks_are_taken_off(stem):
    assert "a" in mask_keys(Path(f"{stem}.png"), says_mask=False)


@pytest.mark.parametrize(
    "name", ["a.png", "masked_ball.png", "remasked.jpg", "alphabet.png", "outdoors.jpg", "seagull.jpg"]
)
def test_words_that_only_hold_such_a_word_say_nothing(name):
    assert [key for key in mask_keys(Path(name), says_mask=False) if key != "ball"] == []


def test_words_for_photos_are_exchanged():
    assert set(photo_keys(Path("img_001.jpg"))) & set(mask_keys(Path("mask_001.png"), says_mask=False)) == {"001"}
    assert set(photo_keys(Path("001_rgb.png"))) & set(mask_keys(Path("001_mask.png"), says_mask=False)) == {"001"}
    assert "frame_001" in mask_keys(Path("frame_mask_001.png"), says_mask=False)


def test_the_whole_name_comes_before_looser_ones():
    assert mask_keys(Path("a.jpg.png"), says_mask=True) == ("a.jpg", "a")
    assert mask_keys(Path("zebra_mask.png"), says_mask=True) == ("zebra_mask", "zebra")
    assert photo_keys(Path("Fox.JPG"))[:2] == ("fox.jpg", "fox")


def test_capitals_and_unicode_forms_do_not_count():
    assert name_key("CAFE\u0301.png") == name_key("caf\u00e9.PNG")
    assert name_key("a") != name_key("b")


@pytest.mark.parametrize(
    "name", ["mask", "Masks", "segmentation", "segmentations", "silhouettes", "alpha", "mattes", "SegmentationClass"]
)
def test_folders_of_masks(name):
    assert is_mask_folder(name)
    assert is_mask_folder(name, alone=True)


def test_folders_whose_names_say_whose_masks_they_hold():
    assert is_mask_folder("fox_masks")
    assert not is_mask_folder("fox_masks", alone=True)
    assert not any(map(is_mask_folder, ("images", "truth", "dogs", "damask", "depth")))


def test_pictures_of_what_is_to_be_ignored():
    assert says_ignore(Path("dynamic_mask_a.png"))
    assert not says_ignore(Path("mask_a.png"))
