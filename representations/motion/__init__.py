"""The motion library: clips of skeletons in motion, made from their own proportions.

`library` makes every motion by name, of which the gaits are tables in `gait`; `moment` draws poses from clips, `range`
adds what joints do besides; `sway` moves through given poses. A `clip.Clip` is what all of them make.
"""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".clip": "Clip RootMotion",
        ".library": "motion",
        ".gait": "walk",
        ".rig_motion": "RigMotion",
    },
)
