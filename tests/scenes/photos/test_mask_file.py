"""Every way in which tools store a mask comes out as 255 = subject."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from zoetrope.scenes.error import PhotoError
from zoetrope.scenes.photos.mask_file import holds_mask, is_cut_out, read_mask_file

VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128] + [0] * 3 * 250 + [224, 224, 192]


@pytest.fixture(scope="module")
def animal(draw_animal):
    return draw_animal(0)


def overlap(values, mask):
    found, wanted = values >= 128, mask >= 128
    return (found & wanted).sum() / (found | wanted).sum()


def palette(numbers, colours=VOC):
    image = Image.fromarray(numbers.astype(np.uint8), "P")
    image.putpalette(colours)
    return image


def stored(kind, photo, mask, path):
    """Write the mask as a tool of that kind does; the ending fits."""
    yes = mask > 0
    three = np.repeat(mask[..., None], 3, axis=-1)
    red = three * np.array([1, 0, 0], np.uint8)
    images = {
        "white.png": Image.fromarray(mask),
        "one bit.png": Image.fromarray(yes),
        "rgb.png": Image.fromarray(three),
        "jpeg.jpg": Image.fromarray(mask),
        "0 1.png": Image.fromarray(yes.astype(np.uint8)),
        "0 1 rgb.png": Image.fromarray(np.repeat(yes[..., None], 3, axis=-1).astype(np.uint8)),
        "0 100.png": Image.fromarray(yes.astype(np.uint8) * 100),
        "16 bit.png": Image.fromarray(mask.astype(np.uint16) * 257),
        "16 bit 0 1.png": Image.fromarray(yes.astype(np.uint16)),
        "16 bit 0 255.png": Image.fromarray(mask.astype(np.uint16)),
        "12 bit.png": Image.fromarray(yes.astype(np.uint16) * 4095),
        "16 bit 0 1.tif": Image.fromarray(yes.astype(np.uint16)),
        "voc.png": palette(yes * 1),
        "voc cat.png": palette(yes * 4),
        "grey palette.png": Image.fromarray(mask).convert("P"),
        "red.png": Image.fromarray(red),
        "blue.png": Image.fromarray(red[..., ::-1].copy()),
        "red.jpg": Image.fromarray(red),
        "alpha.png": Image.fromarray(np.dstack([photo, mask])),
        "white with alpha.png": Image.fromarray(np.dstack([255 | three, mask])),
        "opaque.png": Image.fromarray(np.dstack([three, np.full_like(mask, 255)])),
        "never opaque.png": Image.fromarray(np.dstack([three, np.zeros_like(mask)])),
        "half opaque.png": Image.fromarray(np.dstack([three, np.full_like(mask, 200)])),
        "grey alpha.png": Image.fromarray(np.dstack([mask, mask])),
        "gif.gif": Image.fromarray(mask),
        "portable.pgm": Image.fromarray(mask),
        "bitmap.bmp": Image.fromarray(mask),
        "webp.webp": Image.fromarray(three),
    }
    if kind == "float.tif":
        tifffile.imwrite(path, yes.astype(np.float32))
    elif kind == "float 255.tif":
        tifffile.imwrite(path, mask.astype(np.float32))
    elif kind == "32 bit.tif":
        tifffile.imwrite(path, yes.astype(np.int32))
    else:
        images[kind].save(path)


KINDS = ["white.png", "one bit.png", "rgb.png", "jpeg.jpg", "0 1.png", "0 1 rgb.png", "0 100.png", "16 bit.png"]
KINDS += ["16 bit 0 1.png", "16 bit 0 255.png", "12 bit.png", "16 bit 0 1.tif", "voc.png", "voc cat.png", "red.png"]
KINDS += ["grey palette.png", "blue.png", "red.jpg", "alpha.png", "white with alpha.png", "opaque.png"]
KINDS += ["never opaque.png", "half opaque.png", "grey alpha.png", "gif.gif", "portable.pgm", "bitmap.bmp", "webp.webp"]
KINDS += ["float.tif", "float 255.tif", "32 bit.tif"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file(tmp_path, animal, kind):
    photo, mask = animal
    path = tmp_path / kind
    stored(kind, photo, mask, path)
    picture = read_mask_file(path, 2048)
    assert (picture.width, picture.height, picture.orientation) == (160, 120, 1)
    assert overlap(picture.values, mask) > (0.97 if kind.endswith(("jpg", "webp")) else 0.999)
    assert (picture.values[mask > 0] >= 128).mean() > 0.98


@pytest.mark.parametrize("kind", ["white.png", "0 1.png", "voc.png", "red.png", "alpha.png", "jpeg.jpg", "gif.gif"])
def test_masks_are_told_by_their_content(tmp_path, animal, kind):
    stored(kind, *animal, tmp_path / kind)
    assert holds_mask(tmp_path / kind) or is_cut_out(tmp_path / kind)
    assert is_cut_out(tmp_path / kind) == (kind == "alpha.png")


def test_photos_are_no_masks(tmp_path, animal):
    photo, _ = animal
    for name, image in (("a.jpg", Image.fromarray(photo)), ("grey.png", Image.fromarray(photo).convert("L"))):
        image.save(tmp_path / name)
        assert not holds_mask(tmp_path / name)
        assert not is_cut_out(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    assert not holds_mask(tmp_path / "broken.png")


def test_a_large_mask_is_read_at_its_photos_size(tmp_path, draw_animal):
    _, mask = draw_animal(1, 600, 800)
    never_opaque = np.dstack([mask, mask, mask, 0 * mask])
    for number, values in enumerate((mask, mask // 255, never_opaque)):
        Image.fromarray(values).save(tmp_path / f"{number}.png")
        picture = read_mask_file(tmp_path / f"{number}.png", 200)
        assert (picture.width, picture.height, picture.values.shape) == (800, 600, (150, 200))
        assert picture.values.mean() == pytest.approx(mask.mean(), rel=0.01)


def test_several_objects_keep_their_numbers_and_seams_count_half(tmp_path, animal):
    _, mask = animal
    numbers = np.where(mask > 0, 2, 0)
    numbers[:20, :30] = 3
    numbers[20:23, :30] = 255
    palette(numbers).save(tmp_path / "a.png")
    picture = read_mask_file(tmp_path / "a.png", 2048)
    assert sorted(picture.object_sizes.values()) == sorted(
        [int((mask > 0).sum() - (numbers[mask > 0] != 2).sum()), 600]
    )
    first, _ = sorted(picture.object_sizes)
    assert (picture.of_object(first).values == np.where(numbers == 2, 255, 0)).all()
    assert set(np.unique(picture.values[20:23, :30])) == {127}
    # The same numbers in grey, as segmentation tools train on them.
    Image.fromarray(numbers.astype(np.uint8)).save(tmp_path / "b.png")
    grey = read_mask_file(tmp_path / "b.png", 2048)
    assert sorted(grey.object_sizes) == [2, 3]
    assert ((grey.values >= 128) == np.isin(numbers, (2, 3))).all()


def test_the_trimaps_of_oxford_pets(tmp_path, animal):
    _, mask = animal
    numbers = np.where(mask > 0, 1, 2).astype(np.uint8)
    numbers[:2] = 3
    Image.fromarray(numbers).save(tmp_path / "a.png")
    values = read_mask_file(tmp_path / "a.png", 2048).values
    assert overlap(values, mask) == 1
    assert set(np.unique(values[:2])) == {127}


def test_a_mask_with_exif_is_turned_as_it_says(tmp_path, animal):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(animal[1]).save(tmp_path / "a.png", exif=exif)
    picture = read_mask_file(tmp_path / "a.png", 2048)
    assert (picture.orientation, picture.width, picture.height) == (6, 120, 160)
    assert (picture.values == np.rot90(animal[1], -1)).all()


def test_pictures_in_colours_are_no_masks(tmp_path, animal):
    Image.fromarray(animal[0]).save(tmp_path / "a.png")
    with pytest.raises(PhotoError, match="in colours, not a mask"):
        read_mask_file(tmp_path / "a.png", 2048)


def test_values_that_are_not_finite(tmp_path, animal):
    values = animal[1].astype(np.float32)
    values[0, 0] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(PhotoError, match="not finite"):
        read_mask_file(tmp_path / "a.tif", 2048)
