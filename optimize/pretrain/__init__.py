"""Training of the priors that the package carries, on nothing but its own zoo."""
