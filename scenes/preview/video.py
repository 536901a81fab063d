"""Frames to moving pictures: MP4 for players, GIF and animated WebP for pages and chats, PNGs for other programs."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from PIL import Image
from torch import Tensor

from ..atomic import atomic_write
from ..error import InputError
from ..photos.resample import to_bytes

Frame = Tensor | np.ndarray
"""(H, W, 3), sRGB-encoded, float in [0, 1] or uint8; or (H, W, 4) with its coverage, by which colours are not
multiplied."""

_FRAME_NAME = re.compile(r"\d{3,}\.png")

# The smaller, the better: 18 is hard to tell from the original.
_MP4_QUALITY = 18
_WEBP_QUALITY = 85
_NOTHING = 255
"""Index of a GIF's palette for what is transparent."""


NO_TRANSPARENT_MP4 = "mp4 knows no transparency; write webp, gif or png, or take another background"


def write_video(path: str | Path, frames: Iterable[Frame], frames_per_second: float = 24) -> None:
    """Write frames of one size as MP4 (H.264, 4:2:0), GIF or WebP, by the extension; GIF and WebP repeat for ever.

    MP4 takes frames one by one as they are made, and even sizes only: an odd row or column is doubled. A GIF's frames
    share one palette, so that still things do not flicker. Frames with coverage are transparent in WebP, and in GIF
    where half of a pixel or less is covered. Raises ValueError for another extension, frames of different sizes, or
    none; InputError where an MP4 is to be transparent.
    """
    path = Path(path)
    writers = {".mp4": _write_mp4, ".gif": _write_gif, ".webp": _write_webp}
    if path.suffix.lower() not in writers:
        raise ValueError(
            f"{path}: videos are written as {', '.join(writers)}, not {path.suffix or 'without extension'}"
        )
    if not frames_per_second > 0:
        raise ValueError(f"frames_per_second is {frames_per_second}; it must be positive")
    checked = _checked(path, frames)
    with atomic_write(path) as temporary:
        writers[path.suffix.lower()](temporary, checked, frames_per_second)


def write_frames(folder: str | Path, frames: Iterable[Frame]) -> None:
    """Write frames of one size as FOLDER/000.png, 001.png and so on, in place of those of an earlier video.

    The folder appears when all of them are written. Raises InputError where there is one that holds anything else, see
    `check_frames_folder`; ValueError as `write_video`.
    """
    folder = Path(folder)
    check_frames_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}")
    temporary.mkdir()
    try:
        for index, frame in enumerate(_checked(folder, frames)):
            Image.fromarray(frame).save(temporary / f"{index:03d}.png")
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_frames_folder(folder: Path) -> None:
    """Raises InputError unless `folder` is free for frames: not there, or with nothing but frames in it."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, but frames need a folder of that name; move it away")
    if folder.is_dir():
        others = sorted(path.name for path in folder.iterdir() if not _FRAME_NAME.fullmatch(path.name))
        if others:
            raise InputError(f"{folder} holds {others[0]}, which is no frame; move it away or remove the folder")


def _checked(path: Path, frames: Iterable[Frame]) -> Iterator[np.ndarray]:
    shape = None
    for index, frame in enumerate(frames):
        picture = to_bytes(frame)
        if picture.ndim != 3 or picture.shape[2] not in (3, 4) or (shape is not None and picture.shape != shape):
            expected = shape or "(height, width, 3 or 4)"
            raise ValueError(f"{path}: frame {index} has shape {picture.shape}, expected {expected}")
        shape = picture.shape
        yield picture
    if shape is None:
        raise ValueError(f"{path}: a video needs at least one frame, found none")


def _write_mp4(path: Path, frames: Iterator[np.ndarray], frames_per_second: float) -> None:
    first = next(frames)
    if first.shape[2] == 4:
        raise InputError(NO_TRANSPARENT_MP4)
    height, width = (length + length % 2 for length in first.shape[:2])
    # The colour matrix is named and used: players take an unnamed small picture for BT.601, a large one for BT.709.
    named = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (width, height),
        pix_fmt_in="rgb24",
        pix_fmt_out="yuv420p",
        fps=frames_per_second,  # pyright: ignore[reportArgumentType]  (its annotations are narrower than its code)
        codec="libx264",
        quality=None,  # pyright: ignore[reportArgumentType]
        macro_block_size=2,
        ffmpeg_log_level="error",
        output_params=[
            *("-vf", "scale=out_color_matrix=bt709:out_range=tv", *named),
            *("-crf", str(_MP4_QUALITY), "-movflags", "+faststart", "-threads", "1"),
        ],
    )
    writer.send(None)
    try:
        for frame in chain([first], frames):
            padding = ((0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0))
            writer.send(np.ascontiguousarray(np.pad(frame, padding, mode="edge")))
    finally:
        writer.close()


def _write_gif(path: Path, frames: Iterator[np.ndarray], frames_per_second: float) -> None:
    stack = list(frames)
    pictures, clear = [Image.fromarray(np.ascontiguousarray(frame[..., :3])) for frame in stack], stack[0].shape[2] == 4
    # One index of the palette means that there is nothing.
    palette = _common_palette(pictures, _NOTHING if clear else 256)
    mapped = [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]
    # GIF counts in hundredths of a second.
    durations = [10 * ticks for ticks in _durations(len(mapped), 100 / frames_per_second)]
    more: dict[str, Any] = {"disposal": 1}
    if clear:
        mapped = [_holed(picture, frame[..., 3] < 128) for picture, frame in zip(mapped, stack, strict=True)]
        more = {"disposal": 2, "transparency": _NOTHING, "optimize": False}
    mapped[0].save(path, save_all=True, append_images=mapped[1:], duration=durations, loop=0, **more)


def _holed(picture: Image.Image, empty: np.ndarray) -> Image.Image:
    """The picture with a palette, its empty pixels (H, W) set to nothing."""
    index = np.where(empty, np.uint8(_NOTHING), np.asarray(picture))
    holed = Image.fromarray(index, mode="P")
    colours = (picture.getpalette() or [])[: 3 * _NOTHING]
    holed.putpalette(colours + [0] * (768 - len(colours)))
    return holed


def _write_webp(path: Path, frames: Iterator[np.ndarray], frames_per_second: float) -> None:
    pictures = [Image.fromarray(frame) for frame in frames]
    durations = _durations(len(pictures), 1000 / frames_per_second)
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, quality=_WEBP_QUALITY, method=4
    )


def _durations(count: int, ticks: float) -> list[int]:
    """Whole ticks per frame that keep the mean speed: 24 frames a second is 41 or 42 ms each."""
    return [max(1, round((index + 1) * ticks) - round(index * ticks)) for index in range(count)]


def _common_palette(pictures: list[Image.Image], colours: int, samples: int = 8) -> Image.Image:
    chosen = [pictures[index * len(pictures) // samples] for index in range(min(samples, len(pictures)))]
    width, height = chosen[0].size
    sheet = Image.new("RGB", (width, height * len(chosen)))
    for index, picture in enumerate(chosen):
        sheet.paste(picture, (0, index * height))
    return sheet.quantize(colours, method=Image.Quantize.MEDIANCUT)
