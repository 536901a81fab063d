"""Hypotheses about photos: a camera and a pose for each, several of one photo while a fit is in doubt."""
