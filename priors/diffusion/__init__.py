"""Diffusion models as priors: frozen networks behind one small interface, whatever they were trained to predict."""
