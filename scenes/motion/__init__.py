"""Animations from files (BVH, glTF clips) and by name."""
