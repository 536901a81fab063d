"""Observations: what a fit looks at, square crops of photos with soft masks, made once for every resolution."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from ...priors.canonical import CanonicalMaps
from ...representations.camera import Intrinsics
from ...representations.rendering.shading import opponent_colors
from ...representations.rendering.silhouette import distance_maps
from ...representations.tensor_structure import TensorStructure
from ...scenes.error import InputError, some_of
from ...scenes.hypotheses.hypotheses import Hypotheses
from ...scenes.photos.collection import Collection
from ...scenes.photos.crop import Crop, crop_for_photo, crop_intrinsics, cut, known_share
from ...scenes.photos.photo import Photo
from .first_focal import first_focals
from .occlusion import hidden_share

CROP_MARGIN = 0.2
"""Room round the subject on each side, in parts of the longer side of its box."""


class Completion(TensorStructure):
    """What photos may hide, painted (`clean_up`), at any size S."""

    pixels: Float[Tensor, "N S S 3"]
    """Crops of the subjects alone, whole."""
    odds: Float[Tensor, "N S S"]
    """Of the subject being there."""
    sure: Float[Tensor, "N S S"]
    """How far to trust them, 0 to 1."""
    hidden: Float[Tensor, "N S S"]
    """How far they take the place of what the photo has."""


class View(TensorStructure):
    """All N photos' crops at one size S."""

    pixels: Float[Tensor, "N S S 3"]
    """sRGB-encoded, [0, 1]."""
    opponent: Float[Tensor, "N S S 3"]
    """The same as lightness (scaled down), red-green and yellow-blue; see `color_consistency.opponent_colors`."""
    mask: Float[Tensor, "N S S"]
    """Share of each pixel that shows the subject, or would if nothing hid it where a `Completion` says so."""
    shown: Float[Tensor, "N S S"]
    """Share of each pixel in which the photo itself shows the subject."""
    valid: Float[Tensor, "N S S"]
    """0 where the subject may be unseen: beyond the photo's frame (`crop.known_share`), behind things (`occlusion`);
    there also how far the mask can be trusted where it has been completed."""
    outside: Float[Tensor, "N S S"]
    """Distance in pixels to the nearest subject or unknown pixel; 0 there."""
    boxes: Float[Tensor, "N 4"]
    """Left, top, right, bottom of the mask in crop pixels."""
    intrinsics: Intrinsics
    """Of the crops."""

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.mask.shape[1]

    def through(self, hypotheses: Hypotheses) -> View:
        """The same crops with intrinsics as hypotheses of the photos have them."""
        return replace(self, intrinsics=hypotheses.lens(self.intrinsics))


class Observations(TensorStructure):
    """The N usable photos of a collection as square crops, at any size, with what priors say of them.

    To know more of the same photos, take another: `replace(observations, features=...)`. Raises InputError if a photo
    has no mask.
    """

    collection: Collection
    device: torch.device | str = "cpu"
    canonical: CanonicalMaps | None = None
    """What a canonical network says of the crops, whose sides its maps span; None where there is no such prior."""
    occlusion: bool = True
    """Whether what canonical maps take for hidden is unknown in views, or background."""
    completion: Completion | None = None
    """What the photos hide, if it has been painted: views show it."""
    features: Float[Tensor, "N C h h"] | None = None
    """Feature maps of the crops, of any network; None where there are none."""

    def __post_init__(self) -> None:
        bare = [photo.path.name for photo in self.collection.photos if photo.mask is None]
        if bare:
            raise InputError(
                f"{some_of(bare, 3)}: no mask; have them estimated (estimated_masks.with_masks), or give each one as "
                f"{self.collection.root.name}/masks/STEM.png (255 = subject) or as its alpha channel"
            )

    def to(self, device: torch.device | str) -> Observations:
        """The same on a device, to which crops come as well."""
        return replace(self.map(lambda tensor: tensor.to(device)), device=device)

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def photos(self) -> tuple[Photo, ...]:
        """The photos as read."""
        return self.collection.photos

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Names of the photos' files, without ending."""
        return tuple(photo.stem for photo in self.photos)

    @cached_property
    def crops(self) -> tuple[Crop, ...]:
        """Squares round the subjects, in the photos' pixels."""
        return tuple(crop_for_photo(photo, CROP_MARGIN) for photo in self.photos)

    @cached_property
    def _focals(self) -> tuple[tuple[float, ...], tuple[bool, ...]]:
        lengths, known = first_focals(self.photos)
        return tuple(lengths), tuple(known)

    @property
    def focal_px(self) -> tuple[float, ...]:
        """Focal lengths in original pixels, or a first guess of them."""
        return self._focals[0]

    @property
    def focal_known(self) -> tuple[bool, ...]:
        """Whether they are more than a first guess."""
        return self._focals[1]

    @cached_property
    def _views(self) -> dict[int, View]:
        return {}

    def at(self, size: int) -> View:
        """All crops at `size` pixels, on the device. Few sizes occur in a fit: they are kept."""
        if size not in self._views:
            self._views[size] = self._at(size)
        return self._views[size]

    def lens(self, photo: int) -> tuple[float, float, float, float]:
        """fx, fy, cx, cy in the original photo's pixels: as known, else square pixels and the picture's centre.

        A focal length that is not known is the first guess.
        """
        one, focal = self.photos[photo], self.focal_px[photo]
        if one.camera is not None:
            return one.camera.fx, one.camera.fy, one.camera.cx, one.camera.cy
        return focal, focal, one.width / 2, one.height / 2

    def _at(self, size: int) -> View:
        cuts = [cut(photo, crop, size) for photo, crop in zip(self.photos, self.crops, strict=True)]
        pixels, mask, _ = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*cuts, strict=True))
        shares = [known_share(photo, crop, size) for photo, crop in zip(self.photos, self.crops, strict=True)]
        known = torch.from_numpy(np.stack(shares))
        lenses = [crop_intrinsics(*self.lens(k), crop, size) for k, crop in enumerate(self.crops)]
        fx, fy, cx, cy = (torch.tensor(values, dtype=torch.float32) for values in zip(*lenses, strict=True))
        # A subject thinner than a crop's pixels covers no pixel by half: it is where it covers most.
        subject = mask >= mask.amax((1, 2), keepdim=True).clamp_max(0.5)
        valid = known
        if self.canonical is not None and self.occlusion:
            valid = known * (1 - self._hidden(self.canonical.amodal, size) * (1 - mask))
        shown = mask = mask * known
        if self.completion is not None:
            painted, odds, sure, hidden = (_resized(one.cpu(), size) for one in vars(self.completion).values())
            mask, valid = torch.lerp(mask, odds, hidden), torch.lerp(valid, sure, hidden)
            pixels = torch.lerp(pixels, painted, (hidden * odds)[..., None])
            subject = mask >= mask.amax((1, 2), keepdim=True).clamp_max(0.5)
        view = View(
            pixels=pixels,
            opponent=opponent_colors(pixels),
            mask=mask,
            shown=shown,
            valid=valid,
            outside=distance_maps(subject | (valid <= 0.5))[0],
            boxes=torch.tensor([_box(m) for m in subject.numpy()], dtype=torch.float32),
            intrinsics=Intrinsics(fx, fy, cx, cy, size, size),
        )
        return view.to(self.device)

    def _hidden(self, amodal: Float[Tensor, "N h h"], size: int) -> Float[Tensor, "N {size} {size}"]:
        side = amodal.shape[1]
        masks = [cut(photo, crop, side).mask for photo, crop in zip(self.photos, self.crops, strict=True)]
        return hidden_share(amodal.cpu(), torch.from_numpy(np.stack(masks)), size)


def _resized(pictures: Tensor, size: int) -> Tensor:
    """N square pictures, with channels last or none."""
    planes = pictures.permute(0, 3, 1, 2) if pictures.ndim == 4 else pictures[:, None]
    planes = interpolate(planes, (size, size), mode="bilinear", antialias=True)
    return planes.permute(0, 2, 3, 1) if pictures.ndim == 4 else planes[:, 0]


def _box(subject: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(subject)
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
