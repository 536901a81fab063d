"""One colour for each body part of the chart, the same for every subject, told by the part's name.

The table was searched for: any two colours lie 0.12 or more apart in OKLab (Ottosson 2020), and parts that touch, or
are each other's mirror image, 0.22 or more.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.body.chart import PARTS

PART_COLOURS: dict[str, str] = {
    "trunk_rear": "#ff6978",
    "trunk_middle": "#006900",
    "trunk_front": "#960f00",
    "neck": "#00ffe1",
    "head": "#004ba5",
    "muzzle": "#c3f05a",
    "tail_1": "#1e96ff",
    "tail_2": "#694b00",
    "tail_3": "#3ca5b4",
    "proboscis": "#a587a5",
    "left_ear": "#b4965a",
    "right_ear": "#e169c3",
    "left_eye": "#ff96ff",
    "right_eye": "#a56900",
    "left_horn": "#c33c4b",
    "right_horn": "#00c387",
    "left_front_girdle": "#ff8700",
    "right_front_girdle": "#7869e1",
    "left_front_upper": "#a596ff",
    "right_front_upper": "#ffc300",
    "left_front_lower": "#3c9600",
    "right_front_lower": "#a54ba5",
    "left_front_cannon": "#960f69",
    "right_front_cannon": "#a5c300",
    "left_front_foot": "#e1a5b4",
    "right_front_foot": "#0f78b4",
    "left_hind_upper": "#692da5",
    "right_hind_upper": "#00d2ff",
    "left_hind_lower": "#a5d2a5",
    "right_hind_lower": "#694b69",
    "left_hind_cannon": "#005a5a",
    "right_hind_cannon": "#ffd2b4",
    "left_hind_foot": "#c3d2ff",
    "right_hind_foot": "#5a785a",
}
"""sRGB-encoded, as #rrggbb."""


def part_colours() -> Float[Tensor, "N 3"]:
    """The colours in the order of `chart.PARTS`, sRGB-encoded in [0, 1]."""
    return torch.tensor([list(bytes.fromhex(PART_COLOURS[name][1:])) for name in PARTS]) / 255
