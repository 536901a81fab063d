"""Several cameras and poses for each photo, how they are proposed, compared and dropped."""
