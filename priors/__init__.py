"""What judges pictures. Empty so far: semantic, canonical and diffusion priors come next."""
