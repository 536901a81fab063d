"""One picture file to upright sRGB bytes: every format, bit depth, colour model and rotation that photos come in.

JPEG, PNG, WebP, TIFF, BMP, AVIF and HEIC (with the extra `[heif]`); 16-bit, grey, palette, CMYK; ICC profile to sRGB;
the eight EXIF orientations; alpha and transparent palette entries. Of files with several pictures the first is taken.

Memory stays bounded: of a large photo only a working copy is kept, its longest side at most `max_side`. It is an area
average, so a point (x, y) of the full picture lies at (x * w / width, y * h / height) of the working copy exactly,
where pixel centres are at half integers in both. JPEGs are already decoded at 1/2, 1/4 or 1/8 where that suffices.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from ..error import PhotoError, one_line
from .colour_space import ColourSpace, tagged_space, to_srgb
from .resample import axis, resample
from .tiff_planes import read_planes

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF")
_HEIF_SUFFIXES = (".heic", ".heif", ".hif")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif"),
    *_HEIF_SUFFIXES,
)
"""Endings (lower case) that say: this file claims to be a photo."""

_ORIENTATION = 0x0112
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANAR = 258, 262, 284


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """A decoded picture file: upright, sRGB, at most `max_side` pixels long."""

    pixels: UInt8[np.ndarray, "h w 3"]
    """sRGB-encoded; row 0 on top."""
    alpha: UInt8[np.ndarray, "h w"] | None
    """Opacity, 255 = opaque; None where the file has none or is opaque everywhere."""
    width: int
    """Of the full picture, after rotation."""
    height: int
    orientation: int
    """EXIF orientation that was undone, 1 to 8; 5 to 8 swap the sides."""
    exif: Image.Exif
    notes: tuple[str, ...] = ()
    """What was odd but did not stop the reading; one line each."""


@dataclass(frozen=True, eq=False)
class StoredValues:
    """The numbers in a picture file as they are stored: no palette looked up, no colours converted, nothing turned."""

    values: Shaped[np.ndarray, "h w *c"]
    """Of any type: indices into the palette, 16-bit or floating-point numbers, colours."""
    palette: UInt8[np.ndarray, "n 3"] | None
    """Colours of the indices."""
    orientation: int
    """EXIF orientation that is to be undone, 1 to 8."""
    is_lossy: bool
    """Whether the format keeps values nearly (JPEG)."""


def decode(path: Path, max_side: int = 2048, *, also: tuple[str, ...] = ()) -> DecodedPicture:
    """The picture in `path`, upright and in sRGB, its longest side at most `max_side` pixels.

    also: Pillow's names of more formats that are read ("GIF").
    Raises PhotoError with one clear line when the file cannot be read as a picture, completely.
    """
    notes: list[str] = []
    with _said_clearly(path):
        return _decode(path, max_side, also, notes)


def stored_values(path: Path, *, also: tuple[str, ...] = ()) -> StoredValues:
    """The numbers in `path` as they are stored; TIFF and HEIC files come upright. Raises PhotoError as `decode`."""
    with _said_clearly(path), _open(path, also) as image:
        stored_orientation = _stored_orientation(image)
        image.load()
        _, orientation = _exif(image, [])
        palette = image.getpalette("RGB") if image.mode == "P" else None
        colours = None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)
        if _has_wide_planes(image):
            image = _planar_tiff(path, stored_orientation)
        if image.mode in ("1", "LA", "La"):
            image = image.convert("L")
        elif image.mode not in ("P", "L", "RGB", "F") and not image.mode.startswith("I"):
            image = image.convert("RGB")
        values = np.asarray(image)
        return StoredValues(values, colours, orientation, image.format == "JPEG")


@contextmanager
def _said_clearly(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a picture is read, as a PhotoError of one line."""
    try:
        if path.stat().st_size == 0:
            raise PhotoError("is empty (0 bytes); copy it again or delete it")
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on and refuses from 179; the warning says nothing a user could act on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Odd tags are dealt with below; a damaged file raises.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError("has more than 178 megapixels; save a smaller copy") from error
    except UnidentifiedImageError as error:
        raise PhotoError(_what_instead(path)) from error
    # Codecs raise nearly anything on damaged bytes (OSError, SyntaxError, struct.error, IndexError, EOFError ...), and
    # whatever it is, it concerns this photo alone.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise PhotoError(f"cannot be read ({error.strerror}); check the file and its permissions") from error
        raise PhotoError(f"cannot be decoded ({one_line(error)}); copy it again or delete it") from error


def looks_like_photo(path: Path) -> bool:
    """Whether a file's name or first bytes claim that it is a picture in one of the formats read here."""
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return True
    with path.open("rb") as file:
        head = file.read(12)
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n", b"II*\0", b"MM\0*"))
        or (head[:4] == b"RIFF" and head[8:] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:] in (*_HEIF_BRANDS, b"avif"))
    )


def _decode(path: Path, max_side: int, also: tuple[str, ...], notes: list[str]) -> DecodedPicture:
    with _open(path, also) as image:
        width, height = image.size
        if min(width, height) == 0:
            raise PhotoError(f"is empty ({width}x{height} pixels); replace it or delete it")
        is_jpeg = isinstance(image, JpegImageFile)
        drafted = image.draft(None, _working_size(width, height, max_side)) if is_jpeg else None
        stored_orientation = _stored_orientation(image)
        _load(image)
        if is_jpeg:
            _require_whole_jpeg(path)
        else:
            # TIFF and HEIC come out of load() already upright; all others are turned below.
            width, height = image.size
        # A JPEG of odd size, decoded at a fraction, ends in the middle of its last pixel.
        span = drafted[1][2:] if drafted else (float(width), float(height))
        exif, orientation = _exif(image, notes)
        colour, alpha = _split_alpha(_to_eight_bits(image, path, stored_orientation))
        profile = image.info.get("icc_profile")
        space = None if profile or colour.mode != "RGB" else _tagged_space(image, exif, notes)
        # TIFF and HEIC files are upright already; what was undone is told apart from what is left to do.
        undone = orientation if orientation != 1 else image.info.get("original_orientation") or stored_orientation
    working = _working_size(width, height, max_side)
    if colour.size != working:
        colour, alpha = _resize(colour, alpha, working, span)
    colour = _to_srgb(colour, profile, notes)
    pixels = upright(np.asarray(colour), orientation)
    if space is not None:
        pixels = _from_tagged_space(pixels, space, notes)
    opacity = None if alpha is None else upright(np.asarray(alpha), orientation)
    if opacity is not None and opacity.min() == 255:
        opacity = None
    if orientation >= 5:
        width, height = height, width
    return DecodedPicture(pixels, opacity, width, height, int(undone), exif, tuple(notes))


def _open(path: Path, also: tuple[str, ...] = ()) -> Image.Image:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS:
        try:
            import pillow_heif
        except ImportError as error:
            raise PhotoError("is HEIC, which needs an extra reader: pip install 'zoetrope3d[heif]'") from error
        pillow_heif.register_heif_opener()
        return Image.open(path, formats=("HEIF",))
    Image.init()
    return Image.open(path, formats=[name for name in (*_FORMATS, *also) if name in Image.OPEN])


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except OSError as error:
        if not _has_wide_planes(image):
            raise
        reason = f"is a 16-bit TIFF of separate planes that cannot be decoded ({one_line(error)})"
        raise PhotoError(f"{reason}; save it as 8-bit RGB, or without compression") from error


def _exif(image: Image.Image, notes: list[str]) -> tuple[Image.Exif, int]:
    try:
        exif = image.getexif()
        orientation = exif.get(_ORIENTATION, 1)
        exif.get_ifd(0x8769)
    # Pillow's parser has no error type of its own; the picture itself is whole, so it is kept, unrotated.
    except Exception as error:
        notes.append(f"its EXIF block is damaged ({one_line(error)}); read without rotation and focal length")
        return Image.Exif(), 1
    return exif, orientation if orientation in range(1, 9) else 1


def _stored_orientation(image: Image.Image) -> int:
    """Orientation tag of a TIFF, which Pillow deletes while loading."""
    value = getattr(image, "tag_v2", {}).get(_ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _to_eight_bits(image: Image.Image, path: Path, stored_orientation: int) -> Image.Image:
    """The same picture with 8 bits a channel and without palette: L, LA, RGB, RGBA or CMYK."""
    tags = getattr(image, "tag_v2", {})
    if _has_wide_planes(image):
        return _planar_tiff(path, stored_orientation)
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
    if sixteen:
        values = _scale_sixteen(np.asarray(image))
        return Image.fromarray(255 - values if tags.get(_TIFF_PHOTOMETRIC) == 0 else values)
    if image.mode in ("F", "I", "LAB", "HSV"):
        raise PhotoError(f"has pixels of type {image.mode}, not a photo's; save it as 8-bit or 16-bit RGB")
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _has_wide_planes(image: Image.Image) -> bool:
    tags = getattr(image, "tag_v2", {})
    return image.format == "TIFF" and max(tags.get(_TIFF_BITS, (8,))) == 16 and tags.get(_TIFF_PLANAR, 1) == 2


def _planar_tiff(path: Path, stored_orientation: int) -> Image.Image:
    """16-bit RGB or RGBA in separate planes."""
    planes = read_planes(path)
    if planes.ndim != 3 or planes.shape[0] not in (3, 4):
        raise PhotoError(f"is a TIFF of {planes.shape[0]} separate planes; save it as 8-bit RGB")
    return Image.fromarray(upright(_scale_sixteen(np.moveaxis(planes, 0, -1)), stored_orientation))


def _scale_sixteen(values: np.ndarray) -> np.ndarray:
    """[0, 65535] to [0, 255], rounded."""
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if image.mode not in ("LA", "RGBA"):
        return image, None
    return image.convert(image.mode[:-1]), image.getchannel("A")


def _resize(
    colour: Image.Image, alpha: Image.Image | None, size: tuple[int, int], span: tuple[float, float]
) -> tuple[Image.Image, Image.Image | None]:
    """The part [0, span] of both at `size`; opacity weighs the colour, so that what is hidden does not bleed in."""
    columns, rows = axis(0, span[0], size[0], colour.width), axis(0, span[1], size[1], colour.height)
    channels = [np.asarray(channel) for channel in colour.split()]
    if alpha is None:
        return _merge(colour.mode, [resample(channel, rows, columns) for channel in channels]), None
    opacity = np.asarray(alpha)
    mean = resample(opacity, rows, columns)
    weighted = [resample(c * (opacity / np.float32(255)), rows, columns) for c in channels]
    divisor = np.where(mean > 0, mean / 255, 1)
    return _merge(colour.mode, [channel / divisor for channel in weighted]), _merge("L", [mean])


def _merge(mode: str, channels: list[np.ndarray]) -> Image.Image:
    return Image.merge(mode, [Image.fromarray(c.round().clip(0, 255).astype(np.uint8)) for c in channels])


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            # Grey files often carry an RGB profile; its header names its colour space.
            image = image.convert("RGB") if profile[16:20] == b"RGB " and image.mode == "L" else image
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            notes.append(f"its colour profile cannot be used ({one_line(error)}); read as sRGB")
    return image.convert("RGB")


def _tagged_space(image: Image.Image, exif: Image.Exif, notes: list[str]) -> ColourSpace | None:
    try:
        return tagged_space(image, exif)
    # As for `_exif`: Pillow's parser of damaged blocks raises anything.
    except Exception as error:
        notes.append(f"its EXIF block is damaged ({one_line(error)}); read as sRGB")
        return None


def _from_tagged_space(pixels: np.ndarray, space: ColourSpace, notes: list[str]) -> np.ndarray:
    notes.append(f"has no colour profile, but its tags say {space.name}; read so and converted to sRGB")
    return to_srgb(pixels, space)


def _working_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def upright(array: Shaped[np.ndarray, "h w *c"], orientation: int) -> Shaped[np.ndarray, "p q *c"]:
    """An array of stored pixels turned as an EXIF orientation (1 to 8) says; 5 to 8 swap the sides."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 7, 6):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


def as_stored(array: Shaped[np.ndarray, "h w *c"], orientation: int) -> Shaped[np.ndarray, "p q *c"]:
    """The inverse of `upright`."""
    return upright(array, {6: 8, 8: 6}.get(orientation, orientation))


def _require_whole_jpeg(path: Path) -> None:
    """Refuse an interrupted copy whose missing end was filled with zeros: decoders paint it grey without a word."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 4096))
        tail = file.read()
        if len(tail) < 4096 or any(tail):
            return
        file.seek(0)
        kept = file.read().rstrip(b"\0")
    if not kept.endswith(b"\xff\xd9"):
        raise PhotoError(f"is an interrupted copy (its last {size - len(kept)} bytes are zeros); copy it again")


def _what_instead(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
    for start, mark, name in ((0, b"\xff\xd8\xff", "JPEG"), (0, b"\x89PNG", "PNG"), (4, b"ftyp", "HEIC or AVIF")):
        if head[start:].startswith(mark):
            return f"is a damaged {name} file: its header cannot be read or says it has no pixels; copy it again"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "is a TIFF that is damaged or of a kind that is not read; save it as 8-bit or 16-bit RGB"
    if b"\0" not in head and _is_text(head):
        return "is a text file, not a photo; delete it or replace it"
    return f"is not a picture that can be read (first bytes {head[:4].hex()}); replace it or delete it"


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A multi-byte character may be cut at the end of the block.
        return error.start >= len(head) - 3
    return True
