"""Rigged glTF files read: meshes, skins, materials, animations."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".subject": "load_gltf",
        ".file": "GltfFile",
        ".geometry": "Geometry read_geometry",
        ".animation": "GltfClip read_clips",
        ".material": "GltfMaterial read_materials",
        ".motion": "GltfMotions",
        ".session": "photograph_gltf",
    },
)
