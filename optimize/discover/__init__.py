"""A skeleton found in the photos: medial axes and part labels drawn in 2D, lifted to 3D, checked."""
