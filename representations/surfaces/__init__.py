"""What is fitted: the `Surface` protocol and its implementations."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".surface": "Surface FieldSurface",
        ".part_surface": "PartSurfaces",
        ".sdf_surface": "SdfSurface",
        ".united_surface": "UnitedSurface manifold_harmonics",
    },
)
