"""TIFF files with 16-bit channels in separate planes, in every compression that Pillow's libtiff reads.

Pillow and OpenCV both return noise for these, without a word. tifffile reads them where they are stored plainly or
zipped. For other compressions (LZW, PackBits, JPEG) each plane is handed to Pillow as a grey TIFF of its own, in
memory: a new header, and the plane's strips or tiles as they are.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import tifffile
from jaxtyping import UInt16
from PIL import Image

from ..error import PhotoError

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS, _PREDICTOR = 273, 277, 278, 279, 317
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS, _JPEG_TABLES = 322, 323, 324, 325, 347
_SHORT, _LONG, _BYTES = 3, 4, 7


def read_planes(path: Path) -> UInt16[np.ndarray, "c h w"]:
    """The channels of the first picture in the file, as stored. Raises PhotoError where no reader can."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        try:
            return page.asarray()
        except ValueError as error:
            # tifffile's word for a codec that it does not have.
            if "imagecodecs" not in str(error):
                raise
        try:
            return np.stack([_plane(page, file, index) for index in range(page.samplesperpixel)])
        except (OSError, ValueError) as error:
            name = getattr(page.compression, "name", page.compression)
            raise PhotoError(f"is a 16-bit TIFF of separate planes, compressed by {name}, which is not read; save it "
                             "as 8-bit RGB, or without compression") from error  # fmt: skip


def _plane(page: tifffile.TiffPage, file: tifffile.TiffFile, index: int) -> UInt16[np.ndarray, "h w"]:
    pieces = len(page.dataoffsets) // page.samplesperpixel
    chosen = slice(index * pieces, (index + 1) * pieces)
    segments = []
    for offset, count in zip(page.dataoffsets[chosen], page.databytecounts[chosen], strict=True):
        file.filehandle.seek(offset)
        segments.append(file.filehandle.read(count))
    grey = _grey_tiff(page, file.byteorder, segments)
    with Image.open(io.BytesIO(grey), formats=("TIFF",)) as image:
        image.load()
        values = np.asarray(image)
    if values.shape != (page.imagelength, page.imagewidth):
        raise ValueError(f"a plane is {values.shape}, not {page.imagelength}x{page.imagewidth}")
    return values.astype(np.uint16)


def _grey_tiff(page: tifffile.TiffPage, order: str, segments: list[bytes]) -> bytes:
    """A TIFF of one 16-bit channel whose strips or tiles are `segments`: header, segments, directory."""
    offsets, end = [], 8
    for segment in segments:
        offsets.append(end)
        end += len(segment)
    counts = [len(segment) for segment in segments]
    tags: dict[int, tuple[int, list[int]]] = {
        _WIDTH: (_LONG, [page.imagewidth]),
        _LENGTH: (_LONG, [page.imagelength]),
        _BITS: (_SHORT, [16]),
        _COMPRESSION: (_SHORT, [int(page.compression)]),
        _PHOTOMETRIC: (_SHORT, [1]),
        _FILL_ORDER: (_SHORT, [int(page.fillorder)]),
        _SAMPLES: (_SHORT, [1]),
        _PREDICTOR: (_SHORT, [int(page.predictor)]),
    }
    if page.is_tiled:
        tags |= {_TILE_WIDTH: (_LONG, [page.tilewidth]), _TILE_LENGTH: (_LONG, [page.tilelength])}
        tags |= {_TILE_OFFSETS: (_LONG, offsets), _TILE_COUNTS: (_LONG, counts)}
    else:
        tags |= {_ROWS_PER_STRIP: (_LONG, [page.rowsperstrip])}
        tags |= {_STRIP_OFFSETS: (_LONG, offsets), _STRIP_COUNTS: (_LONG, counts)}
    if page.jpegtables:
        tags[_JPEG_TABLES] = (_BYTES, list(page.jpegtables))
    formats = {_SHORT: "H", _LONG: "I", _BYTES: "B"}
    # Values that do not fit into four bytes stand behind the directory.
    behind = end + end % 2
    beyond, values_at = b"", behind + 2 + 12 * len(tags) + 4
    directory = struct.pack(f"{order}H", len(tags))
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}{formats[kind]}", *numbers)
        if len(packed) > 4:
            where = values_at + len(beyond)
            beyond += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack(f"{order}I", where)
        directory += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    header = mark + struct.pack(f"{order}I", behind)
    return header + b"".join(segments) + b"\0" * (end % 2) + directory + struct.pack(f"{order}I", 0) + beyond
