import numpy as np
import pytest
from PIL import Image

from zoetrope.scenes.error import PhotoError
from zoetrope.scenes.photos.photo import read_mask, read_photo


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def disc(height, width, centre, radius):
    y, x = np.mgrid[:height, :width] + 0.5
    return ((np.hypot(x - centre[0], y - centre[1]) < radius) * 255).astype(np.uint8)


def test_photo_with_everything(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 35
    path = save(tmp_path / "zebra.07.jpg", noise(300, 400), exif=exif)
    photo = read_photo(path)
    assert (photo.stem, photo.width, photo.height) == ("zebra.07", 300, 400)
    assert photo.focal_px == pytest.approx(35 / 36 * 400)
    assert photo.scale == (1.0, 1.0)
    assert photo.mask is None
    assert photo.camera is None
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0] = 0


def test_large_photo_keeps_a_working_copy_and_its_exact_scale(tmp_path):
    photo = read_photo(save(tmp_path / "a.png", noise(301, 903)), max_side=200)
    assert photo.pixels.shape == (67, 200, 3)
    assert (photo.width, photo.height) == (903, 301)
    assert photo.scale == (200 / 903, 67 / 301)


def test_alpha_becomes_the_mask_unless_unwanted(tmp_path):
    mask = disc(80, 100, (30, 40), 20)
    path = save(tmp_path / "a.png", np.dstack([noise(80, 100), mask]))
    assert (read_photo(path).mask == mask).all()
    assert read_photo(path, alpha_is_mask=False).mask is None


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (noise(31, 300), "300x31"),
        (np.full((60, 60, 3), 200, np.uint8), "#c8c8c8"),
        (np.dstack([noise(60, 60), np.zeros((60, 60), np.uint8)]), "transparent"),
        (np.dstack([noise(60, 60), np.full((60, 60), 90, np.uint8)]), "alpha channel marks no subject"),
        (np.dstack([noise(60, 60), disc(60, 60, (30, 30), 3)]), "at least 16 pixels"),
    ],
)
def test_photos_that_show_nothing(tmp_path, array, message):
    with pytest.raises(PhotoError, match=message):
        read_photo(save(tmp_path / "a.png", array))


@pytest.mark.parametrize("kind", ["grey", "two", "palette", "rgb", "deep", "alpha"])
def test_mask_files_of_every_kind(tmp_path, kind):
    photo = read_photo(save(tmp_path / "a.png", noise(80, 100)))
    mask = disc(80, 100, (30, 40), 20)
    image = {
        "grey": Image.fromarray(mask),
        "two": Image.fromarray(mask > 0),
        "palette": Image.fromarray(mask).convert("P"),
        "rgb": Image.fromarray(np.repeat(mask[..., None], 3, axis=-1)),
        "deep": Image.fromarray(mask.astype(np.uint16) * 257),
        "alpha": Image.fromarray(np.dstack([noise(80, 100), mask])),
    }[kind]
    image.save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png", photo, "mask.png") == mask).all()


def test_mask_of_a_large_photo_follows_its_working_copy(tmp_path):
    photo = read_photo(save(tmp_path / "a.png", noise(301, 903)), max_side=200)
    mask = read_mask(save(tmp_path / "mask.png", disc(301, 903, (600.3, 99.6), 60)), photo, "mask.png")
    assert mask.shape == photo.pixels.shape[:2]
    v, u = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    total = mask.astype(float).sum()
    found = np.array([(mask * u).sum(), (mask * v).sum()]) / total / photo.scale
    assert np.abs(found - (600.3, 99.6)).max() < 0.1
    assert total / 255 / np.prod(photo.scale) == pytest.approx(np.pi * 60**2, rel=0.01)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (disc(100, 80, (40, 40), 20), "masks/a.png is 80x100 but its photo is 100x80; resize"),
        (disc(40, 50, (20, 20), 17), "masks/a.png is 50x40 but its photo is 100x80; resize"),
        (np.zeros((80, 100), np.uint8), "largest value is 0"),
        (disc(80, 100, (40, 40), 2), "at least 16 pixels"),
        (np.full((80, 100), 255, np.uint8), "100.0% of the picture"),
    ],
)
def test_masks_that_cannot_be_used(tmp_path, mask, message):
    photo = read_photo(save(tmp_path / "a.png", noise(80, 100)))
    with pytest.raises(PhotoError, match=message):
        read_mask(save(tmp_path / "mask.png", mask), photo, "masks/a.png")


def test_broken_mask_file_is_named(tmp_path):
    photo = read_photo(save(tmp_path / "a.png", noise(80, 100)))
    (tmp_path / "mask.png").write_bytes(b"")
    with pytest.raises(PhotoError, match=r"masks/a\.png is empty"):
        read_mask(tmp_path / "mask.png", photo, "masks/a.png")
