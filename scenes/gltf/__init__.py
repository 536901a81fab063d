"""Rigged glTF files read: meshes, skins, materials, animations."""
