"""Training of the priors that the package carries, on its own zoo, and on outlines of rigged meshes if given."""
