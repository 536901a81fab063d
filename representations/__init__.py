"""What is fitted: bodies, surfaces, cameras and the renderer they share. The ground floor; knows nothing of photos.

Bodies: `skeleton`, `template`, `chart`, `skinning`, `rotation`, `motion`. Surfaces (the protocol is in `surface`):
`part_surface.PartSurfaces`, `sdf_surface.SdfSurface`, and `united_surface.UnitedSurface`, which `unite.unite` makes of
overlapping parts. Meshes and their textures: `mesh`, `atlas`. Views: `camera`, `rendering`.
"""
