"""Animals and characters that the package makes up, with everything about them known."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".zoo": "write_zoo",
        ".species": "SPECIES draw_individual archetype species_key",
        ".sitting": "Sitting take_photos",
        ".stream": "StreamConfig",
        ".blueprint": "Blueprint",
    },
)
