"""Photographs of a body whose shape, pose and colours are known, with the truth about every pixel.

`sitter.Sitter` is who sits, `photograph` takes the pictures, `write` makes a collection of them.
"""
