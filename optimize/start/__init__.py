"""What a fit starts from: the template, its place among known cameras, the first scene."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".starting_template": "starting_templates",
        ".known_start": "first_known_cameras",
        ".visual_hull": "hull filled_share",
    },
)
