"""The axis along which a subject in a file looks, as a word on the command line."""

from __future__ import annotations

from typing import Literal

Front = Literal["+z", "-z", "+x", "-x"]
"""Axis along which a file's subject looks; +Y is up."""
