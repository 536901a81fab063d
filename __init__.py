"""zoetrope: a handful of photos becomes a textured, rigged, animated 3D subject."""
