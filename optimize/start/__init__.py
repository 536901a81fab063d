"""What a fit starts from: the template, its place among known cameras, the first scene."""
