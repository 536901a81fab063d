"""Photographs of a body whose shape, pose and colours are known, with the truth about every pixel.

`sitter.Sitter` and `sitter.Poses` are who sits and how, `photograph.photograph` takes one `shot.Shot` of each pose as a
`photograph.PhotographyConfig` says, and `write.write_zoo_collection` makes a collection of them.
"""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".sitter": "Sitter Poses",
        ".photograph": "PhotographyConfig",
        ".viewpoint": "ViewpointConfig",
        ".light": "SceneLight",
        ".shot": "Shot",
        ".write": "write_zoo_collection",
        ".held_out": "read_held_out write_held_out",
        ".label": "Labels",
    },
)
