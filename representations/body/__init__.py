"""Skeletons, templates, skinning, and the chart that all species share."""
