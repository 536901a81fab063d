"""What is fitted: bodies, surfaces, cameras and the renderer they share. The ground floor; knows nothing of photos.

Bodies: `body/` (skeleton, template, chart, skinning), `rotation`, `motion/`. `surfaces/` (the protocol is in
`surfaces.surface`): `PartSurfaces`, `SdfSurface`, and `UnitedSurface`, which `geometry.unite.unite` makes of
overlapping parts. Meshes and their textures: `geometry/`, `atlas`. Views: `camera`, `rendering/`.
"""

from ..lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".camera": "Intrinsics OrbitCamera RigidCamera project to_pixels",
        ".tensor_structure": "TensorStructure",
        ".atlas": "Atlas unwrap",
        ".rotation": "quaternion_from_vector vector_from_quaternion",
    },
)
