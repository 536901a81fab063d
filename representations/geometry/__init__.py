"""Meshes: topology, unions, remeshing, signed distances, iso-surfaces, correspondence."""
