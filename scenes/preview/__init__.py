"""A subject drawn for people: turntables, contact sheets, passes."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".studio": "Studio Image draw_subject",
        ".animation": "Animation AnimationConfig",
        ".turntable": "render_turntable",
        ".passes": "draw_passes",
        ".video": "write_video",
        ".contact_sheet": "SheetEntry write_contact_sheet",
    },
)
