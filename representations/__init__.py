"""What is fitted: bodies, surfaces, cameras and the renderer they share. The ground floor; knows nothing of photos.

Bodies: `body/` (skeleton, template, chart, skinning), `rotation`, `motion/`. `surfaces/` (the protocol is in
`surfaces.surface`): `PartSurfaces`, `SdfSurface`, and `UnitedSurface`, which `geometry.unite.unite` makes of
overlapping parts. Meshes and their textures: `geometry/`, `atlas`. Views: `camera`, `rendering/`.
"""
