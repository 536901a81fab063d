"""What a diffusion prior wants changed in a picture: one rule a file, each giving a target to be pulled to."""
