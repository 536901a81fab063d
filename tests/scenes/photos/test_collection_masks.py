"""Folders of photos and masks by every custom of the field: photos stay photos, masks are taken."""

import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection

STEMS = ("a", "b", "c")


@pytest.fixture
def animals(draw_animal):
    return {stem: draw_animal(seed) for seed, stem in enumerate(STEMS)}


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def write_photos(folder, animals, name="{}.jpg"):
    for stem, (photo, _) in animals.items():
        save(folder / name.format(stem), photo, quality=92)


def write(folder, animals, photo_name, mask_name):
    write_photos(folder, animals, photo_name)
    for stem, (_, mask) in animals.items():
        save(folder / mask_name.format(stem), mask)


def overlap(photo, mask):
    assert photo.mask is not None
    found, wanted = photo.mask >= 128, mask >= 128
    return (found & wanted).sum() / (found | wanted).sum()


def assert_masked(folder, animals, **options):
    collection = load_collection(folder, **options)
    assert len(collection.photos) == len(animals)
    assert collection.rejected == ()
    for photo, (_, mask) in zip(collection.photos, animals.values(), strict=True):
        assert overlap(photo, mask) > 0.97
    return collection


BESIDE = ["{}_mask.png", "{}-mask.png", "{}.mask.png", "{}_alpha.png", "{}_matte.png", "{}_seg.png", "mask_{}.png"]
BESIDE += ["{}_silhouette.png", "{}.jpg.png", "{}.png", "{}_mask.jpg", "{}_MASK.PNG", "{}_mask.gif", "{}_mask.pgm"]
FOLDERS = ["mask", "masks", "Masks", "segmentation", "segmentations", "silhouettes", "alpha", "mattes", "annotations"]
FOLDERS += ["SegmentationClass", "SegmentationObject", "binary_masks"]


@pytest.mark.parametrize("name", BESIDE)
def test_masks_beside_their_photos(tmp_path, animals, name):
    write(tmp_path, animals, "{}.jpg", name)
    notes = assert_masked(tmp_path, animals).notes
    assert "masks: 3 taken beside the photos" in notes
    collection = load_collection(tmp_path, masks="none")
    assert [photo.path.name for photo in collection.photos] == ["a.jpg", "b.jpg", "c.jpg"]
    assert all(photo.mask is None for photo in collection.photos)


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_of_every_name(tmp_path, animals, folder):
    write(tmp_path, animals, "{}.jpg", folder + "/{}.png")
    assert_masked(tmp_path, animals)


@pytest.mark.parametrize("name", ["{}.jpg.png", "{}.jpg", "{}_mask.png", "mask_{}.png", "{}.tif", "{}.bmp", "{}_0.png"])
def test_names_in_a_folder_of_masks(tmp_path, animals, name):
    if name == "{}_0.png":
        # A number alone is no custom: it may be another photo.
        write(tmp_path, animals, "{}.jpg", "masks/" + name)
        assert all(photo.mask is None for photo in load_collection(tmp_path).photos)
        return
    write(tmp_path, animals, "{}.jpg", "masks/" + name)
    assert_masked(tmp_path, animals)


@pytest.mark.parametrize(
    ("photo_name", "mask_name"),
    [
        ("img_{}.jpg", "mask_{}.png"),
        ("{}_rgb.png", "{}_mask.png"),
        ("frame_rgb_{}.png", "frame_mask_{}.png"),
        ("IMG_{}.JPG", "masks/img_{}.png"),
        ("{}.jpg", "masks/{}.JPG.PNG"),
    ],
)
def test_words_for_photos_and_capitals(tmp_path, animals, photo_name, mask_name):
    write(tmp_path, animals, photo_name, mask_name)
    assert_masked(tmp_path, animals)


def test_unicode_forms(tmp_path, draw_animal):
    animals = {f"caf\u00e9 {k}": draw_animal(k) for k in range(3)}
    write_photos(tmp_path, animals, "{}.jpg")
    for stem, (_, mask) in animals.items():
        save(tmp_path / "masks" / (unicodedata.normalize("NFD", stem) + ".png"), mask)
    assert_masked(tmp_path, animals)


def test_a_real_photo_that_is_called_a_mask_stays_a_photo(tmp_path, animals, draw_animal):
    write_photos(tmp_path, animals)
    save(tmp_path / "dog_mask.jpg", draw_animal(7)[0])
    save(tmp_path / "a_mask.jpg", draw_animal(8)[0])
    collection = load_collection(tmp_path)
    assert [photo.stem for photo in collection.photos] == ["a", "a_mask", "b", "c", "dog_mask"]
    assert (collection.rejected, collection.notes) == ((), ())


def test_masks_without_a_photo_are_left_out_and_said(tmp_path, animals, draw_animal):
    write(tmp_path, animals, "{}.jpg", "{}_mask.png")
    save(tmp_path / "z_mask.png", draw_animal(7)[1])
    save(tmp_path / "mask.png", draw_animal(8)[1])
    save(tmp_path / "dynamic_mask_a.png", draw_animal(9)[1])
    collection = load_collection(tmp_path)
    assert [photo.stem for photo in collection.photos] == list(STEMS)
    reasons = {entry.name: entry.reason for entry in collection.rejected}
    assert sorted(reasons) == ["dynamic_mask_a.png", "mask.png", "z_mask.png"]
    assert "instant-ngp" in reasons["dynamic_mask_a.png"]
    assert all("no photo has its name" in reasons[name] for name in ("mask.png", "z_mask.png"))


def test_cut_outs_beside_their_photos(tmp_path, animals):
    for stem, (photo, mask) in animals.items():
        save(tmp_path / f"{stem}.jpg", photo)
        save(tmp_path / f"{stem}.png", np.dstack([photo, mask]))
    assert_masked(tmp_path, animals)


def test_masks_beside_photos_that_are_cut_out(tmp_path, animals):
    """The mask file goes before the photo's own transparency."""
    for stem, (photo, mask) in animals.items():
        save(tmp_path / f"{stem}.png", np.dstack([photo, np.where(np.arange(160) < 100, mask, 0).astype(np.uint8)]))
        save(tmp_path / f"{stem}_mask.png", mask)
    assert_masked(tmp_path, animals)


def test_own_folder_before_other_places(tmp_path, animals):
    write(tmp_path, animals, "{}.jpg", "masks/{}.png")
    for stem, (_, mask) in animals.items():
        save(tmp_path / f"{stem}_mask.png", np.roll(mask, 20, axis=1))
    notes = assert_masked(tmp_path, animals).notes
    assert any("more than one mask; masks/a.png is taken, not a_mask.png" in note for note in notes)


@pytest.mark.parametrize("named", [".", "images"])
@pytest.mark.parametrize("masks", ["masks", "segmentation", "images_mask"])
def test_photos_in_a_folder_beside_their_masks(tmp_path, animals, named, masks):
    write(tmp_path, animals, "images/{}.jpg", masks + "/{}.png")
    notes = assert_masked(tmp_path / named, animals).notes
    assert f"masks: 3 taken from ../{masks}" in notes


@pytest.mark.parametrize(
    ("photos", "masks", "named"),
    [
        ("JPEGImages/480p/bear", "Annotations/480p/bear", "JPEGImages/480p/bear"),
        ("JPEGImages/480p/bear", "Annotations/480p/bear", "."),
        ("images/bear", "masks/bear", "images/bear"),
        ("fox", "fox_masks", "fox"),
        ("fox", "masks/fox", "fox"),
        ("images_2", "masks_2", "images_2"),
    ],
)
def test_layouts_of_the_field(tmp_path, animals, photos, masks, named):
    write(tmp_path, animals, photos + "/{}.jpg", masks + "/{}.png")
    assert_masked(tmp_path / named, animals)


def test_masks_of_other_photos_are_not_taken(tmp_path, animals, draw_animal):
    """fox and wolf have photos of the same names, and the masks beside them are nobody's."""
    others = {stem: draw_animal(seed) for seed, stem in enumerate(STEMS, 10)}
    write_photos(tmp_path / "fox", animals)
    write(tmp_path, others, "wolf/{}.jpg", "masks/{}.png")
    assert all(photo.mask is None for photo in load_collection(tmp_path / "fox").photos)


def test_a_folder_of_masks_is_no_folder_of_photos(tmp_path, animals):
    write(tmp_path, animals, "images/{}.jpg", "masks/{}.png")
    with pytest.raises(InputError, match="holds masks, not photos"):
        load_collection(tmp_path / "masks")


def test_several_folders_of_photos_are_named(tmp_path, animals):
    for name in ("fox", "wolf"):
        write_photos(tmp_path / name, animals)
    with pytest.raises(InputError, match=r"holds no photos itself, but .*fox.*wolf do; name one"):
        load_collection(tmp_path)


def test_inverted_masks_of_a_folder(tmp_path, animals):
    inverted = {stem: (photo, 255 - mask) for stem, (photo, mask) in animals.items()}
    write(tmp_path, inverted, "{}.jpg", "masks/{}.png")
    notes = assert_masked(tmp_path, animals).notes
    assert any("turned round" in note for note in notes)


def test_masks_of_another_size(tmp_path, animals):
    write_photos(tmp_path, animals)
    for stem, (_, mask) in animals.items():
        save(tmp_path / "masks" / f"{stem}.png", np.repeat(np.repeat(mask, 2, axis=0), 2, axis=1))
    notes = assert_masked(tmp_path, animals).notes
    assert any("another size" in note and "320x240" in note for note in notes)


@pytest.mark.parametrize("spoilt", ["other shape", "noise", "everything", "unreadable", "colours"])
def test_a_useless_mask_never_takes_its_photo_with_it(tmp_path, animals, spoilt):
    write(tmp_path, animals, "{}.jpg", "masks/{}.png")
    path = tmp_path / "masks" / "b.png"
    random = np.random.default_rng(0)
    if spoilt == "unreadable":
        path.write_bytes(b"\x89PNG and nothing else")
    else:
        arrays = {
            "other shape": animals["b"][1][:90],
            "noise": np.where(random.random((120, 160)) < 0.1, 255, 0).astype(np.uint8),
            "everything": np.full((120, 160), 255, np.uint8),
            "colours": animals["c"][0],
        }
        save(path, arrays[spoilt])
    collection = load_collection(tmp_path)
    assert [photo.mask is not None for photo in collection.photos] == [True, False, True]
    assert collection.rejected == ()
    (note,) = collection.notes
    assert note.startswith("masks/b.png")
    assert note.endswith("the mask was left out")


def test_a_mask_that_marks_nothing_says_that_the_photo_shows_no_subject(tmp_path, animals, draw_animal):
    animals["d"] = draw_animal(3)
    write(tmp_path, animals, "{}.jpg", "masks/{}.png")
    save(tmp_path / "masks" / "b.png", 0 * animals["b"][1])
    collection = load_collection(tmp_path)
    assert [photo.stem for photo in collection.photos] == ["a", "c", "d"]
    assert "masks/b.png marks no subject" in str(collection.rejected[0])


def test_one_of_several_objects_is_the_subject(tmp_path, animals):
    """A second animal in two of the photos, and larger there."""
    write_photos(tmp_path, animals)
    for stem, (_, mask) in animals.items():
        numbers = np.where(mask > 0, 7, 0).astype(np.uint8)
        if stem != "a":
            numbers[60:][mask[60:] == 0] = 4
        save(tmp_path / "masks" / f"{stem}.png", numbers)
        animals[stem] = (animals[stem][0], np.where(numbers == 7, 255, 0))
    notes = assert_masked(tmp_path, animals).notes
    assert any("2 objects" in note for note in notes)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_masks_of_stored_pixels(tmp_path, animals, orientation):
    undone_by = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for stem, (photo, mask) in animals.items():
        stored = Image.fromarray(photo).transpose(Image.Transpose(undone_by))
        stored.save(tmp_path / f"{stem}.jpg", exif=exif, quality=92)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).transpose(Image.Transpose(undone_by)).save(tmp_path / "masks" / f"{stem}.png")
    notes = assert_masked(tmp_path, animals).notes
    assert any("stored pixels" in note for note in notes)


def frames(animals, **more):
    matrix = np.eye(4).tolist()
    return [
        {"file_path": f"images/{stem}.jpg", "transform_matrix": matrix, "fl_x": 200.0, "w": 160, "h": 120}
        | {key: value.format(stem) for key, value in more.items()}
        for stem in animals
    ]


@pytest.mark.parametrize("cameras", ["auto", "estimate", "named"])
def test_mask_path_of_nerfstudio(tmp_path, animals, cameras):
    write(tmp_path, animals, "images/{}.jpg", "elsewhere/{}-x.png")
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"frames": frames(animals, mask_path="elsewhere\\{}-x.png")}))
    collection = assert_masked(tmp_path / "images", animals, cameras=path if cameras == "named" else cameras)
    assert collection.known_cameras == (cameras != "estimate")
    assert "masks: 3 taken from ../elsewhere" in collection.notes


@pytest.mark.parametrize("name", ["../{}.png", "/etc/{}.png", "missing/{}.png"])
def test_mask_path_that_leads_out_or_nowhere_is_noted(tmp_path, animals, name):
    write(tmp_path, animals, "scan/images/{}.jpg", "{}.png")
    (tmp_path / "scan" / "transforms.json").write_text(json.dumps({"frames": frames(animals, mask_path=name)}))
    collection = load_collection(tmp_path / "scan")
    assert [photo.mask for photo in collection.photos] == [None] * 3
    assert any("left out" in note for note in collection.notes)


@pytest.mark.parametrize("named", [".", "images"])
def test_cameras_beside_the_folder_of_photos(tmp_path, animals, named):
    write_photos(tmp_path / "images", animals)
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": frames(animals)}))
    collection = load_collection(tmp_path / named)
    assert collection.known_cameras
    assert any("cameras: taken from" in note for note in collection.notes)
    assert not load_collection(tmp_path / named, cameras="estimate").known_cameras


def test_cameras_above_that_name_other_photos_are_not_taken(tmp_path, animals):
    write_photos(tmp_path / "fox", animals)
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": frames(animals)}))
    assert not load_collection(tmp_path / "fox").known_cameras


def test_cameras_of_blender_scenes(tmp_path, animals):
    write_photos(tmp_path / "train", animals, "{}.png")
    entries = [{**entry, "file_path": f"./train/{stem}"} for stem, entry in zip(animals, frames(animals), strict=True)]
    (tmp_path / "transforms_train.json").write_text(json.dumps({"frames": entries}))
    assert load_collection(tmp_path / "train").known_cameras


def test_opaque_photos_with_rounded_corners_are_kept(tmp_path, animals):
    """A screenshot's alpha channel cuts out no subject."""
    for stem, (photo, _) in animals.items():
        alpha = np.full((120, 160), 255, np.uint8)
        alpha[0, 0] = 0
        save(tmp_path / f"{stem}.png", np.dstack([photo, alpha]))
    collection = load_collection(tmp_path)
    assert [photo.mask for photo in collection.photos] == [None] * 3
    assert all("alpha channel" in note for note in collection.notes)
