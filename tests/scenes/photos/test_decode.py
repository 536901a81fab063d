import contextlib
import io
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from zoetrope.scenes.error import PhotoError
from zoetrope.scenes.photos.decode import as_stored, decode, looks_like_photo, upright

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
    with pytest.raises(PhotoError, match=r"pip install 'zoetrope3d\[heif\]'"):
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


def planar_tiff(path, deep, compression):
    """16-bit planes as libtiff compresses them: each plane as a grey file by Pillow, their strips put into one file."""
    segments, sizes = [], None
    for plane in np.moveaxis(deep, -1, 0):
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(plane)).save(buffer, "TIFF", compression=compression)
        buffer.seek(0)
        with tifffile.TiffFile(buffer) as file:
            page = file.pages.first
            sizes = len(page.dataoffsets), page.rowsperstrip, int(page.compression), int(page.predictor)
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                segments.append(buffer.getvalue()[offset : offset + count])
    height, width, count = deep.shape
    offsets = list(np.cumsum([8, *(len(segment) for segment in segments)])[:-1])
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [16] * count), 259: (3, [sizes[2]]), 262: (3, [2])}
    tags |= {273: (4, offsets), 277: (3, [count]), 278: (4, [sizes[1]]), 284: (3, [2]), 317: (3, [sizes[3]])}
    tags[279] = (4, [len(segment) for segment in segments])
    body = b"".join(segments) + b"\0" * (sum(map(len, segments)) % 2)
    at, directory, values = 8 + len(body), struct.pack("<H", len(tags)), b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}{'HI'[kind - 3]}", *map(int, numbers))
        if len(packed) > 4:
            where = at + 2 + 12 * len(tags) + 4 + len(values)
            values += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack("<I", where)
        directory += struct.pack("<HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    path.write_bytes(b"II*\0" + struct.pack("<I", at) + body + directory + b"\0\0\0\0" + values)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "raw"])
@pytest.mark.parametrize("size", [(H, W), (301, 205)])
def test_sixteen_bit_planes_in_every_compression(tmp_path, compression, size):
    """tifffile alone has no LZW and no PackBits, and Pillow alone reads noise."""
    deep = pattern(*size).astype(np.uint16) * 257
    planar_tiff(tmp_path / "a.tif", deep, compression)
    assert_close(decode(tmp_path / "a.tif").pixels, pattern(*size), 0)


def test_sixteen_bit_planes_that_no_reader_has_say_what_to_save(tmp_path):
    planar_tiff(tmp_path / "a.tif", pattern().astype(np.uint16) * 257, "tiff_lzw")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    entry = content.rindex(struct.pack("<HHIH", 259, 3, 1, 5))
    content[entry + 8 : entry + 10] = struct.pack("<H", 7)  # JPEG, which it is not
    (tmp_path / "a.tif").write_bytes(bytes(content))
    with pytest.raises(PhotoError, match=r"separate planes.*save it as 8-bit RGB"):
        decode(tmp_path / "a.tif")


def adobe_rgb(srgb):
    """sRGB bytes as Adobe RGB bytes, by the matrix that Adobe publishes (Adobe RGB (1998) Color Image Encoding)."""
    value = np.asarray(srgb, np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    from_xyz = np.array([[2.04159, -0.56501, -0.34473], [-0.96924, 1.87597, 0.04156], [0.01344, -0.11836, 1.01517]])
    return np.round(((linear @ to_xyz.T @ from_xyz.T).clip(0, 1) ** (256 / 563)) * 255).astype(np.uint8)


COLOURS = np.array([[200, 40, 40], [40, 180, 60], [60, 80, 200], [150, 110, 70], [128, 128, 128], [0, 0, 0]], np.uint8)


def squares(colours):
    return np.repeat(np.repeat(colours[None], 16, axis=0), 16, axis=1)


@pytest.mark.parametrize("how", ["R03", "R03 with a zero byte", "number", "primaries"])
def test_adobe_rgb_told_by_exif_alone(tmp_path, how):
    exif = Image.Exif()
    block = exif.get_ifd(0x8769)
    block[0xA001] = 2 if how == "number" else 65535
    if how.startswith("R03"):
        block[0xA005] = {1: "R03" if how == "R03" else b"R03\0"}
    if how == "primaries":
        exif[318] = (0.3127, 0.329)
        exif[319] = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
        block[0xA500] = 2.2
    path = tmp_path / "a.jpg"
    Image.fromarray(squares(adobe_rgb(COLOURS))).save(path, quality=98, subsampling=0, exif=exif)
    picture = decode(path)
    assert_close(picture.pixels[8, 8::16], COLOURS, 4)
    assert "Adobe RGB" in picture.notes[0]


@pytest.mark.parametrize("how", ["R98", "uncalibrated", "nothing", "profile", "damaged"])
def test_colours_stay_where_nothing_says_otherwise(tmp_path, how):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 1 if how == "R98" else 65535
    if how in ("R98", "profile"):
        exif.get_ifd(0x8769)[0xA005] = {1: "R98" if how == "R98" else "R03"}
    options = {} if how == "nothing" else {"exif": exif}
    if how == "profile":
        # An embedded profile says it better.
        options["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if how == "damaged":
        options["exif"] = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x05\xa0\x04\0\x01\0\0\0\xff\xff\xff\x7f\0\0\0\0"
    Image.fromarray(squares(COLOURS)).save(tmp_path / "a.jpg", quality=98, subsampling=0, **options)
    picture = decode(tmp_path / "a.jpg")
    assert_close(picture.pixels[8, 8::16], COLOURS, 3)
    assert not any("Adobe" in note for note in picture.notes)


def png_with_chunks(path, colours, chunks):
    buffer = io.BytesIO()
    Image.fromarray(squares(colours)).save(buffer, "PNG")
    content = buffer.getvalue()
    made = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    path.write_bytes(content[:33] + made + content[33:])


def test_primaries_in_png(tmp_path):
    gamma = (b"gAMA", struct.pack(">I", 45455))
    adobe = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    path = tmp_path / "a.png"
    png_with_chunks(path, adobe_rgb(COLOURS), [gamma, (b"cHRM", adobe)])
    assert_close(decode(path).pixels[8, 8::16], COLOURS, 2)
    # sRGB's own primaries change nothing, nor does a chunk that says sRGB in one word.
    for chunks in ([gamma, (b"cHRM", srgb)], [(b"sRGB", b"\0"), (b"cHRM", adobe)]):
        png_with_chunks(path, COLOURS, chunks)
        assert_close(decode(path).pixels[8, 8::16], COLOURS, 0)
    # Primaries on a line are no colours.
    png_with_chunks(path, COLOURS, [(b"cHRM", struct.pack(">8I", 31270, 32900, *[30000] * 6))])
    assert_close(decode(path).pixels[8, 8::16], COLOURS, 0)


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_what_was_undone_is_told(tmp_path, suffix):
    """Also of TIFF files, which come upright from their reader."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pattern()).save(tmp_path / f"a.{suffix}", exif=exif)
    assert decode(tmp_path / f"a.{suffix}").orientation == 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_back_is_the_inverse(orientation):
    assert (upright(as_stored(pattern(), orientation), orientation) == pattern()).all()
    assert (as_stored(upright(pattern(), orientation), orientation) == pattern()).all()
