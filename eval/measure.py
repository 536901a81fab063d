"""What is measured, by name: how each figure is written and which way is better. `report` and `compare` read this list.

The names are the keys of `scores.json`: of the whole run, and where `by_photo` says so, of each photo too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["percent", "ratio", "degrees", "decibels"]

_MOBILENET = "feature_distance(mobilenetv2_100)"
_CANONICAL, _CANONICAL_SETS = "feature_distance(canonical)", "frechet_distance(canonical)"
_MOBILENET_SETS = "frechet_distance(mobilenetv2_100)"


@dataclass(frozen=True)
class Measure:
    """One figure of a run."""

    name: str
    """Its key in `scores.json`."""
    label: str
    """In tables."""
    unit: Unit
    """Shares print as percent, ratios with four digits."""
    better: Literal["higher", "lower"]
    by_photo: str | None = None
    """Its key in each photo's scores, where it is a mean (or a median) over photos."""
    baseline: str | None = None
    """Key of what a trivial answer scores."""
    network: str | None = None
    """Key of the name of the network that the figure depends on."""

    def text(self, value: float) -> str:
        """A value as it is printed."""
        if self.unit == "percent":
            return f"{100 * value:.1f} %"
        suffix = {"degrees": "deg", "decibels": "dB"}.get(self.unit)
        return f"{value:.4f}" if suffix is None else f"{value:.1f} {suffix}"


MEASURES = (
    Measure("pck", "keypoint transfer, PCK@0.1", "percent", "higher", "pck", "pck_identity"),
    Measure("mask_iou", "mask IoU", "percent", "higher", "mask_iou"),
    Measure("boundary_f", "boundary F", "percent", "higher", "boundary_f"),
    Measure("amodal_iou", "amodal IoU", "percent", "higher", "amodal_iou"),
    Measure("novel_view_iou", "IoU from between the photos", "percent", "higher"),
    Measure("novel_psnr_db", "held-out views, PSNR", "decibels", "higher"),
    Measure("novel_ssim", "held-out views, SSIM", "ratio", "higher"),
    Measure("novel_unseen_psnr_db", "the same where no photo shows it, PSNR", "decibels", "higher"),
    Measure("novel_distance(canonical)", "held-out views, embedded features", "ratio", "lower"),
    Measure("novel_distance(mobilenetv2_100)", "held-out views, MobileNetV2 features", "ratio", "lower"),
    Measure("psnr_db", "photos drawn again, PSNR", "decibels", "higher", "psnr_db"),
    Measure("ssim", "photos drawn again, SSIM", "ratio", "higher", "ssim"),
    Measure("lpips", "photos drawn again, LPIPS (alex)", "ratio", "lower", "lpips"),
    Measure(_MOBILENET, "photos drawn again, MobileNetV2 features", "ratio", "lower", _MOBILENET),
    Measure(_CANONICAL, "photos drawn again, embedded features", "ratio", "lower", _CANONICAL),
    Measure("fid", "all drawn again to all photos, FID", "ratio", "lower"),
    Measure(_MOBILENET_SETS, "all drawn again to all photos, MobileNetV2 Frechet", "ratio", "lower"),
    Measure(_CANONICAL_SETS, "all drawn again to all photos, embedded Frechet", "ratio", "lower"),
    Measure("species_odds", "all around, taken for its species", "percent", "higher"),
    Measure("clip_image_similarity", "CLIP, all around to photos", "ratio", "higher", network="clip_model"),
    Measure("clip_text_similarity", "CLIP, all around to its name", "ratio", "higher", network="clip_model"),
    Measure("chamfer", "Chamfer / diagonal", "ratio", "lower", "chamfer"),
    Measure("f_score", "F-score at 2 % of the diagonal", "percent", "higher", "f_score"),
    Measure("normal_consistency", "normal consistency", "percent", "higher", "normal_consistency"),
    Measure("volume_iou", "volume IoU", "percent", "higher", "volume_iou"),
    Measure("animodel_chamfer", "Chamfer by Animodel, longest side 1", "ratio", "lower", "animodel_chamfer"),
    Measure("azimuth_median_deg", "azimuth error, median", "degrees", "lower"),
    Measure("azimuth_mean_deg", "azimuth error, mean", "degrees", "lower", "azimuth_deg"),
    Measure("azimuth_within_30", "azimuth within 30 degrees", "percent", "higher"),
    Measure("elevation_mean_deg", "elevation error, mean", "degrees", "lower", "elevation_deg"),
    Measure("rotation_mean_deg", "camera rotation error, mean", "degrees", "lower", "rotation_deg"),
    Measure("world_yaw_deg", "yaw of the predicted world", "degrees", "lower"),
    Measure("world_tilt_deg", "tilt of the predicted world", "degrees", "lower"),
    Measure("pose_deg", "bones' direction error", "degrees", "lower", "pose_deg"),
    Measure("articulation_deg", "the same, each body turned best", "degrees", "lower", "articulation_deg"),
    Measure("side_agreement", "left is left, right is right", "percent", "higher", "side_agreement"),
    Measure("flip_rate", "photos with left and right flipped", "percent", "lower"),
)
"""In the order of the tables."""
