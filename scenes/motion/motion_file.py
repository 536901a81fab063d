"""Motions from files for our skeletons: `walk.bvh`, or a clip of a rigged glTF, `Fox.glb#Walk`."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from ...representations.body.skeleton import Skeleton
from ...representations.motion.clip import Clip
from ...representations.motion.foot_lock import lock_feet
from ...representations.motion.retarget import retarget
from ...representations.motion.rig_motion import RigMotion
from ..error import InputError, one_line, some_of
from ..gltf.motion import GltfMotions
from .bvh import bvh_motion, read_bvh

_SUFFIXES = (".glb", ".gltf", ".vrm", ".bvh")
_SHOWN = 30
"""Clips named in a message."""


def is_motion_file(text: str) -> bool:
    """Whether a motion's name is that of a file.

    >>> is_motion_file("Fox.glb#Walk"), is_motion_file("walk")
    (True, False)
    """
    return _split(text)[0].suffix.lower() in _SUFFIXES


def load_motion(text: str, skeleton: Skeleton, *, limit: bool = False, hold_feet: bool = False) -> Clip:
    """The motion of `FILE.glb#CLIP`, `FILE.gltf#CLIP` or `FILE.bvh` on `skeleton`.

    Without `#CLIP` the file's only clip. A clip's name may be given without what Blender writes before it and "|". With
    `limit` joints stay within the skeleton's limits, with `hold_feet` standing feet don't slide. Raises InputError, in
    one line, for a file that is missing, broken or of another kind, without that clip, or whose joints aren't known.
    """
    motion = read_motion(text)
    try:
        clip = retarget(motion, skeleton, limit=limit)
    except ValueError as error:
        raise InputError(f"{_split(text)[0]}: {one_line(error, limit=300)}") from error
    if not hold_feet:
        return clip
    try:
        return lock_feet(clip, skeleton)
    except ValueError as error:
        raise InputError(f"{text}: feet cannot be held, {one_line(error)}") from error


def read_motion(text: str) -> RigMotion:
    """The motion of a file on its own rig. Raises InputError as `load_motion`."""
    path, wanted = _split(text)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(f"{path} holds no motion that can be read; give a .bvh, or a .glb or .gltf and its #CLIP")
    if suffix == ".bvh":
        bvh = read_bvh(path)
        if wanted is not None and _same(wanted) != _same(bvh.name):
            raise InputError(f"{path} has no clip {wanted!r}: a .bvh has one motion; leave out #{wanted}")
        try:
            return bvh_motion(bvh)
        except ValueError as error:
            raise InputError(f"{path}: {one_line(error)}") from error
    motions = GltfMotions(path)
    names = [clip.name for clip in motions.clips]
    known = f"it has {some_of(names, _SHOWN)}" if names else "it has none"
    broken = [note for note in motions.notes if note.startswith("clip ")]
    known = "; ".join((known, *broken[:2]))
    if wanted is None:
        if len(names) != 1:
            raise InputError(f"{path} has {len(names)} clips; name one as {path.name}#CLIP: {known}")
        return motions.motion(motions.clips[0])
    for fits in (str, _same, _short):
        found = [clip for clip in motions.clips if fits(clip.name) == fits(wanted)]
        if len(found) == 1:
            return motions.motion(found[0])
    raise InputError(f"{path} has no clip {wanted!r}; {known}")


def _split(text: str) -> tuple[Path, str | None]:
    """The file and the clip's name; a "#" in a folder's name is none of ours."""
    path, mark, clip = text.rpartition("#")
    if not mark or Path(text).suffix.lower() in _SUFFIXES:
        return Path(text), None
    return Path(path), clip


def _same(name: str) -> str:
    """Whatever the Unicode form and the capitals."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _short(name: str) -> str:
    return _same(name.rpartition("|")[2])
