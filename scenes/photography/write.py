"""A collection of photos with ground truth on disk, in the layout that `scenes.collection` and the scores read.

STEM.jpg               the photo, with the focal length in its EXIF block where the camera recorded it
masks/STEM.png         visible part of the subject
keypoints.json         COCO
truth/transforms.json  cameras, for the photos' own pixels
truth/STEM.ply, truth/rest.ply, truth/amodal/STEM.png, truth/maps/STEM.npz
truth/novel/           eight views from where no photo was taken (see `held_out`)
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..atomic import atomic_write
from ..error import InputError, one_line
from ..mesh_file import write_ply
from ..photos.nerfstudio import CameraFrame, write_transforms
from ..photos.photo import write_mask
from .held_out import write_held_out
from .label import Labels
from .photograph import Shot
from .sitter import Poses, Sitter

_EXIF_BLOCK, _FOCAL_LENGTH_35MM, _WIDTH, _HEIGHT = 0x8769, 0xA405, 0xA002, 0xA003
_MAPS = ("depth", "normal", "part", "side", "reference")


def write_zoo_collection(
    folder: Path, sitter: Sitter, poses: Poses, shots: Sequence[Shot], extra: Mapping[str, Any] | None = None
) -> None:
    """Writes photos 000, 001, ... and the truth about them; `extra` adds plain data to truth/transforms.json.

    The same shots give the same bytes. Raises ValueError unless there is one shot for each pose.
    """
    if len(shots) != len(poses.names):
        raise ValueError(f"{len(shots)} shots of {len(poses.names)} poses; give one of each")
    frames, notes = [], []
    for k, shot in enumerate(shots):
        stem, (height, width) = f"{k:03d}", shot.photo.shape[:2]
        _write_bytes(folder / f"{stem}.jpg", _with_exif(shot))
        write_mask(folder / "masks" / f"{stem}.png", shot.visible)
        write_mask(folder / "truth" / "amodal" / f"{stem}.png", shot.amodal)
        write_ply(folder / "truth" / f"{stem}.ply", poses.vertices[k], sitter.faces)
        _write_bytes(folder / "truth" / "maps" / f"{stem}.npz", _packed(shot.labels))
        frames.append(
            CameraFrame(f"../{stem}.jpg", shot.world_from_camera, shot.focal, shot.focal, *shot.centre, width, height)
        )
        notes.append(
            {
                "stem": stem,
                "azimuth": round(shot.azimuth_deg, 3),
                "elevation": round(shot.elevation_deg, 3),
                "pose": shot.pose,
                "place": shot.place,
            }
        )
    write_ply(folder / "truth" / "rest.ply", sitter.vertices, sitter.faces)
    write_transforms(folder / "truth" / "transforms.json", frames, extra={**(extra or {}), "photos": notes})
    _write_bytes(folder / "keypoints.json", _coco(sitter.keypoint_names, shots).encode())
    size = max(max(shot.photo.shape) for shot in shots)
    write_held_out(folder / "truth" / "novel", sitter, poses, [note["stem"] for note in notes], size)


def read_maps(path: Path) -> Labels:
    """The maps in a `truth/maps/STEM.npz`. Raises InputError where the file is missing or not such a file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            maps = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as maps ({one_line(error)}); write the collection again") from error
    if not {"depth", "normal"} <= set(maps):
        raise InputError(f"{path} holds {', '.join(maps) or 'nothing'}; expected at least depth and normal")
    return Labels(**{name: maps.get(name) for name in _MAPS})  # type: ignore[arg-type]


def _packed(labels: Labels) -> bytes:
    """An .npz without dates, compressed quickly: most of a map is empty."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in _MAPS:
            array = getattr(labels, name)
            if array is not None:
                content = io.BytesIO()
                np.lib.format.write_array(content, array, allow_pickle=False)
                entry = zipfile.ZipInfo(f"{name}.npy")
                archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return buffer.getvalue()


def _with_exif(shot: Shot) -> bytes:
    """The JPEG file; what the camera recorded goes in front, and the pixels stay as they are."""
    if shot.focal_35mm is None:
        return shot.jpeg
    exif = Image.Exif()
    block = exif.get_ifd(_EXIF_BLOCK)
    block[_FOCAL_LENGTH_35MM] = shot.focal_35mm
    block[_WIDTH], block[_HEIGHT] = shot.photo.shape[1], shot.photo.shape[0]
    content = exif.tobytes()
    return shot.jpeg[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + shot.jpeg[2:]


def _coco(names: Sequence[str], shots: Sequence[Shot]) -> str:
    images, annotations = [], []
    for k, shot in enumerate(shots):
        height, width = shot.photo.shape[:2]
        seen = shot.visible >= 128
        columns, rows = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
        box = [0, 0, 0, 0]
        if len(columns):
            box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        flat: list[float] = []
        for (x, y), v in zip(shot.keypoints.tolist(), shot.visibility.tolist(), strict=True):
            flat += [round(x, 2), round(y, 2), v] if v else [0, 0, 0]
        images.append({"id": k + 1, "file_name": f"{k:03d}.jpg", "width": width, "height": height})
        annotations.append(
            {
                "id": k + 1,
                "image_id": k + 1,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [int(side) for side in box],
                "area": int(seen.sum()),
                "num_keypoints": int((shot.visibility > 0).sum()),
                "keypoints": flat,
            }
        )
    category = {"id": 1, "name": "subject", "supercategory": "animal", "keypoints": list(names), "skeleton": []}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _write_bytes(path: Path, content: bytes) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
