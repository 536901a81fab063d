"""Which motion is meant by a name: one of the subject's own clips, one of the motion library, or one in a file."""

from __future__ import annotations

from ...representations.motion.clip import Clip
from ...representations.motion.library import motion
from ..error import InputError
from ..subject import Subject


def choose_motion(subject: Subject, name: str, *, limit: bool = False, hold_feet: bool = False) -> Clip:
    """The subject's clip of that name, else the library's, made for its skeleton; FILE.glb#CLIP and FILE.bvh are
    brought onto it, with `limit` and `hold_feet` as in `motion_file.load_motion`.

    Raises InputError where there is none, naming those that are, and for `limit` or `hold_feet` with one by name.
    """
    # Readers of files cost those nothing who name none.
    from .motion_file import is_motion_file, load_motion

    if "#" in name or is_motion_file(name):
        return load_motion(name, subject.skeleton, limit=limit, hold_feet=hold_feet)
    if limit or hold_feet:
        option = "--limit" if limit else "--hold-feet"
        raise InputError(
            f"{option} is about motions from files, and {name!r} is one by name; leave it out, or give FILE.glb#CLIP "
            "or FILE.bvh"
        )
    own = {clip.name: clip for clip in subject.clips}
    if name in own:
        return own[name]
    try:
        return motion(name, subject.skeleton)
    except ValueError as error:
        raise InputError(f"{error}; the subject has of its own: {', '.join(own) or 'none'}") from error


def require_repeats(clip: Clip, seconds: float | None) -> None:
    """Raises InputError where `seconds` are given for a clip that does not repeat, which is played once in any case."""
    if seconds is not None and not clip.loop and clip.duration > 0:
        raise InputError(
            f"--seconds {seconds:g} changes nothing: {clip.name!r} does not repeat and takes {clip.duration:.3g} "
            "seconds; leave it out"
        )
