import contextlib
import io
import sys

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from zoetrope.scenes.error import PhotoError
from zoetrope.scenes.photos.decode import decode, looks_like_photo

H, W = 48, 64


def pattern(height=H, width=W):
    """Smooth and without any symmetry, so that lossy formats keep it and no rotation leaves it alone."""
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    return np.stack([255 * x, 255 * y, 200 * x * y + 30], axis=-1).round().astype(np.uint8)


def assert_close(found, expected, tolerance):
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        ("jpg", {"quality": 97, "subsampling": 0}, 6),
        ("png", {}, 0),
        ("webp", {"lossless": True}, 0),
        ("tif", {}, 0),
        ("tif", {"compression": "tiff_lzw"}, 0),
        ("bmp", {}, 0),
    ],
)
def test_formats(tmp_path, suffix, options, tolerance):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pattern()).save(path, **options)
    picture = decode(path)
    assert_close(picture.pixels, pattern(), tolerance)
    assert picture.alpha is None
    assert (picture.width, picture.height, picture.notes) == (W, H, ())


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(Image.fromarray(pattern())).save(path, quality=95)
    assert_close(decode(path).pixels, pattern(), 16)


def test_heic_without_its_reader_names_the_extra(tmp_path, monkeypatch):
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(Image.fromarray(pattern())).save(path)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match=r"pip install zoetrope\[heif\]"):
        decode(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "heic"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_rotation_is_undone(tmp_path, suffix, orientation):
    upright = Image.fromarray(pattern())
    # What a camera held that way stores: the transposition whose undoing gives the upright picture.
    undone_by = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undone_by[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.register_heif_opener()
        stored.save(path, exif=exif.tobytes(), quality=95)
    else:
        stored.save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {"quality": 97}))
    if suffix not in ("heic", "tif"):
        # The table above against Pillow's own reading of the tag.
        assert ImageOps.exif_transpose(Image.open(path)).size == (W, H)
    picture = decode(path)
    assert (picture.width, picture.height) == (W, H)
    assert_close(picture.pixels, pattern(), 0 if suffix in ("png", "webp", "tif") else 20)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_sixteen_bit_planar_tiff(tmp_path, orientation):
    """Pillow alone reads noise from these."""
    deep = pattern().astype(np.uint16) * 257
    stored = {1: deep, 3: deep[::-1, ::-1], 6: np.rot90(deep)}[orientation]
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.ascontiguousarray(np.moveaxis(stored, -1, 0)),
        photometric="rgb",
        planarconfig="separate",
        extratags=[(274, 3, 1, orientation, True)],
    )
    assert_close(decode(path).pixels, pattern(), 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits(tmp_path, suffix, channels):
    deep = pattern().astype(np.uint16) * 257
    if channels == 4:
        deep = np.dstack([deep, np.full((H, W), 128 * 257, np.uint16)])
    path = tmp_path / f"a.{suffix}"
    stored = deep[..., 0] if channels == 1 else deep[..., [2, 1, 0, 3][:channels]]
    assert cv2.imwrite(str(path), stored)
    picture = decode(path)
    assert_close(picture.pixels, np.repeat(pattern()[..., :1], 3, axis=-1) if channels == 1 else pattern(), 0)
    if channels == 4:
        assert (picture.alpha == 128).all()


def test_sixteen_bit_grey_where_zero_is_white(tmp_path):
    deep = pattern()[..., 0].astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", 65535 - deep, photometric="miniswhite")
    assert_close(decode(tmp_path / "a.tif").pixels[..., 0], pattern()[..., 0], 0)


def test_grey_and_bilevel(tmp_path):
    grey = pattern()[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert_close(decode(tmp_path / "grey.png").pixels, np.repeat(grey[..., None], 3, axis=-1), 0)
    Image.fromarray(grey > 100).save(tmp_path / "two.png")
    assert_close(decode(tmp_path / "two.png").pixels[..., 1], (grey > 100).astype(np.uint8) * 255, 0)


def test_palette_with_transparency(tmp_path):
    index = np.zeros((H, W), np.uint8)
    index[:, W // 2 :] = 1
    index[: H // 2] += 2
    colours = np.array([[250, 0, 0], [0, 240, 0], [0, 0, 230], [9, 99, 199]], np.uint8)
    image = Image.fromarray(index).convert("P")
    image.putpalette(colours.tobytes())
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "clear.png", transparency=bytes([255, 0, 128, 255]))
    plain, clear = decode(tmp_path / "plain.png"), decode(tmp_path / "clear.png")
    assert_close(plain.pixels, colours[index], 0)
    assert plain.alpha is None
    assert (clear.alpha == np.array([255, 0, 128, 255])[index]).all()


@pytest.mark.parametrize(("mode", "opaque"), [("RGBA", False), ("RGBA", True), ("LA", False)])
def test_alpha_is_a_mask_unless_opaque(tmp_path, mode, opaque):
    alpha = np.full((H, W), 255, np.uint8)
    if not opaque:
        alpha[:, :20] = 0
    image = Image.fromarray(pattern()).convert(mode[:-1])
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "a.png")
    picture = decode(tmp_path / "a.png")
    if opaque:
        assert picture.alpha is None
    else:
        assert (picture.alpha == alpha).all()


def test_hidden_colour_does_not_bleed_into_the_working_copy(tmp_path):
    rgba = np.zeros((200, 200, 4), np.uint8)
    rgba[:, :101] = (200, 100, 50, 255)
    rgba[:, 101:] = (0, 0, 255, 0)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    picture = decode(tmp_path / "a.png", max_side=100)
    assert (picture.alpha[:, 50] == 128).all()
    assert np.abs(picture.pixels[:, 50].astype(int) - (200, 100, 50)).max() <= 2


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk(tmp_path, suffix):
    cmyk = Image.fromarray(pattern()).convert("CMYK")
    cmyk.save(tmp_path / f"a.{suffix}", quality=97)
    assert_close(decode(tmp_path / f"a.{suffix}").pixels, pattern(), 8)


def swapped_profile():
    """sRGB with red's and blue's primaries exchanged: reading it right exchanges the channels."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = data.find(b"rXYZ", 128), data.find(b"bXYZ", 128)
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


def test_colour_profile_is_applied(tmp_path):
    Image.fromarray(pattern()).save(tmp_path / "a.png", icc_profile=swapped_profile())
    assert_close(decode(tmp_path / "a.png").pixels, pattern()[..., ::-1], 2)


def test_srgb_profile_changes_nothing_even_on_grey(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pattern()[..., 0]).save(tmp_path / "a.png", icc_profile=profile)
    picture = decode(tmp_path / "a.png")
    assert_close(picture.pixels[..., 2], pattern()[..., 0], 1)
    assert picture.notes == ()


def test_broken_profile_is_noted(tmp_path):
    Image.fromarray(pattern()).save(tmp_path / "a.png", icc_profile=b"not a profile")
    picture = decode(tmp_path / "a.png")
    assert_close(picture.pixels, pattern(), 0)
    assert "colour profile" in picture.notes[0]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_working_copy_keeps_positions(tmp_path, suffix):
    """A disc lands where the exact scale says, odd sizes and the JPEG decoder's own shrinking included."""
    height, width, centre, radius = 1501, 2003, (1500.7, 402.2), 150.0
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(x - centre[0], y - centre[1])
    disc = (255 * np.clip(radius - distance + 0.5, 0, 1)).astype(np.uint8)
    Image.fromarray(disc).save(tmp_path / f"a.{suffix}", quality=98)
    picture = decode(tmp_path / f"a.{suffix}", max_side=250)
    small = picture.pixels[..., 0].astype(float)
    assert (picture.width, picture.height) == (width, height)
    assert max(small.shape) == 250
    scale = np.array([small.shape[1] / width, small.shape[0] / height])
    v, u = np.mgrid[: small.shape[0], : small.shape[1]] + 0.5
    found = np.array([(small * u).sum(), (small * v).sum()]) / small.sum()
    assert np.abs(found - np.array(centre) * scale).max() < 0.02
    assert small.sum() / 255 == pytest.approx(np.pi * radius**2 * scale.prod(), rel=0.01)


def jpeg(**options):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def test_damaged_files_are_one_clear_line(tmp_path):
    whole = jpeg()
    buffer = io.BytesIO()
    Image.fromarray(pattern()).save(buffer, "PNG")
    png = buffer.getvalue()
    bad = {
        "empty.jpg": (b"", "empty"),
        "truncated.jpg": (whole[: len(whole) // 2], "decoded"),
        "zeros_at_the_end.jpg": (whole[: len(whole) // 2] + bytes(len(whole) // 2), "interrupted"),
        "header_only.jpg": (whole[:4] + b"garbage", "decoded"),
        "text.jpg": (("Gr\u00fc\u00dfe\n" * 999).encode(), "text file"),
        "noise.png": (np.random.default_rng(1).bytes(500), "not a picture"),
        "truncated.png": (png[: len(png) // 2], "decoded"),
        "flipped.png": (png[:60] + bytes([png[60] ^ 255]) + png[61:], "decoded"),
        "no_area.png": (png[:16] + bytes(8) + png[24:], "no pixels"),
    }
    for name, (content, word) in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(PhotoError, match=word) as caught:
            decode(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300


def test_whole_jpeg_padded_with_zeros_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg() + bytes(9000))
    assert decode(tmp_path / "a.jpg").width == 300


def test_damaged_exif_does_not_cost_the_photo(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xfe" * 40))
    assert decode(tmp_path / "a.jpg").pixels.shape == (200, 300, 3)


def test_random_damage_never_escapes(tmp_path):
    """Whatever bytes are hit, a file is read or refused with a PhotoError."""
    generator = np.random.default_rng(2)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 35
    for suffix, options in (("jpg", {}), ("png", {}), ("webp", {}), ("tif", {"compression": "tiff_lzw"})):
        buffer, name = io.BytesIO(), {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix)
        Image.fromarray(pattern()).save(buffer, name, exif=exif, **options)
        for _ in range(60):
            content = np.frombuffer(buffer.getvalue(), np.uint8).copy()
            content[generator.integers(0, min(len(content), 400), 4)] = generator.integers(0, 256, 4)
            path = tmp_path / f"a.{suffix}"
            path.write_bytes(content.tobytes())
            with contextlib.suppress(PhotoError):
                decode(path)


def test_bytes_tell_photos_without_a_known_ending(tmp_path):
    (tmp_path / "picture").write_bytes(jpeg())
    (tmp_path / "notes.txt").write_text("nothing")
    assert looks_like_photo(tmp_path / "picture")
    assert not looks_like_photo(tmp_path / "notes.txt")


def test_large_jpeg_in_little_memory(tmp_path):
    """80 megapixels, 240 MB decoded in full; the decoder's own shrinking keeps the peak far below."""
    import resource

    path = tmp_path / "a.jpg"
    Image.new("L", (10000, 8000), 90).save(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    picture = decode(path)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (picture.width, picture.height, picture.pixels.shape) == (10000, 8000, (1638, 2048, 3))
    assert after - before < 100_000
