"""Textures: light estimated, photos projected back, unseen sides painted by a diffusion prior."""
