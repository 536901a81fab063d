"""Meshes: topology, unions, remeshing, signed distances, iso-surfaces, correspondence."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".mesh": "SkinnedMesh icosphere vertex_normals face_normals edges",
        ".unite": "United",
        ".marching": "isosurface crossings",
        ".signed_distance": "Grid mesh_distance closest_points",
    },
)
