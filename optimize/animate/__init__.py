"""A finished subject in motion: animations, their refinement by a diffusion prior, transfer between subjects."""
