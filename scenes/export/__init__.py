"""A finished subject as files of other programs: GLB, USD, VRM, OBJ, PLY, videos."""
