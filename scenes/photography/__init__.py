"""Photographs of a body whose shape, pose and colours are known, with the truth about every pixel.

`sitter.Sitter` and `sitter.Poses` are who sits and how, `photograph.photograph` takes one `shot.Shot` of each pose as a
`photograph.PhotographyConfig` says, and `write.write_zoo_collection` makes a collection of them.
"""
