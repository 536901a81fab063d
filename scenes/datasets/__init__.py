"""Readers of the datasets of the field: each turns what its authors publish into a collection on disk."""
