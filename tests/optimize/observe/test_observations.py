"""Observations: crops whose lenses tell the truth, soft masks, what is unknown, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.optimize.observe.first_focal import FIELD_OF_VIEW_DEG
from zoetrope.optimize.observe.observations import Observations
from zoetrope.representations.camera import OrbitCamera, project, to_pixels
from zoetrope.scenes.error import InputError
from zoetrope.scenes.mesh_file import read_ply
from zoetrope.scenes.photos.collection import Collection, load_collection
from zoetrope.scenes.photos.nerfstudio import read_transforms
from zoetrope.scenes.photos.photo import Photo


@pytest.fixture(scope="module")
def collection(good_photos: Path) -> Collection:
    return load_collection(good_photos)


def drawn(mask: np.ndarray, stem: str = "drawn") -> Photo:
    """A noisy photo with that mask."""
    height, width = mask.shape
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Photo(stem, Path(f"{stem}.png"), pixels, width, height, mask)


def observed(*photos: Photo) -> Observations:
    return Observations(Collection("drawn", Path("drawn"), photos, (), False))


@pytest.mark.parametrize("size", [32, 77])
def test_a_point_falls_on_the_same_place_in_crop_and_original(
    collection: Collection, good_photos: Path, size: int
) -> None:
    frames = {frame.stem: frame for frame in read_transforms(good_photos / "truth" / "transforms.json")}
    told = tuple(dataclasses.replace(photo, focal_px=frames[photo.stem].fx) for photo in collection.photos)
    observations = Observations(dataclasses.replace(collection, photos=told))
    view = observations.at(size)
    matrices = torch.from_numpy(np.stack([frames[stem].camera_to_world for stem in observations.stems])).float()
    bodies = [read_ply(good_photos / "truth" / f"{stem}.ply")[0] for stem in observations.stems]
    found = to_pixels(project(torch.stack(bodies), OrbitCamera.from_matrix(matrices), view.intrinsics), size, size)
    for k, stem in enumerate(observations.stems):
        original, _ = frames[stem].project(bodies[k].double().numpy())
        expected = observations.crops[k].to_crop(original, size)
        np.testing.assert_allclose(found[k].numpy(), expected, atol=2e-3 * size / 32)
        # And the subject's box is where the mask's is.
        low, high = expected.min(0), expected.max(0)
        np.testing.assert_allclose(view.boxes[k], [*low, *high], atol=2.5 * size / 46)


def test_views_are_consistent_and_made_once(collection: Collection) -> None:
    observations = Observations(collection)
    view = observations.at(40)
    assert observations.at(40) is view
    assert (view.size, len(observations)) == (40, 4)
    assert view.pixels.shape == (4, 40, 40, 3)
    for name in ("pixels", "mask", "valid"):
        value = getattr(view, name)
        assert 0 <= float(value.min()) <= float(value.max()) <= 1
    assert 0.02 < float(view.mask.mean()) < 0.6
    assert bool((view.mask <= view.valid).all())
    clear = (view.mask < 0.5) & (view.valid > 0.5)
    assert torch.equal(view.outside > 0, clear)
    moved = view.to("cpu")
    assert torch.equal(moved.mask, view.mask)
    assert torch.equal(moved.intrinsics.fx, view.intrinsics.fx)


def test_what_lies_beyond_the_frame_is_unknown() -> None:
    mask = np.zeros((60, 90), np.uint8)
    mask[5:40, 50:90] = 255
    view = observed(drawn(mask)).at(32)
    assert not bool(view.valid[0, :, -1].any()), "the subject touches the right edge; the crop reaches beyond it"
    assert not bool(view.outside[0, :, -1].any())
    assert float(view.valid[0, 16, 16]) == 1
    # A subject is in one piece: beyond the sides that it does not touch there is none.
    assert bool((view.valid[0, :, 0] == 1).all())
    assert bool((view.outside[0, :10, 0] > 0).all())


def test_boxes_are_those_of_the_mask() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[30:60, 20:70] = 255
    observations = observed(drawn(mask))
    crop = observations.crops[0]
    corners = crop.to_crop(np.array([[20.0, 30.0], [70.0, 60.0]]), 64)
    np.testing.assert_allclose(observations.at(64).boxes[0], corners.reshape(-1), atol=1)


def test_a_subject_thinner_than_a_crop_pixel_is_still_found() -> None:
    mask = np.zeros((300, 300), np.uint8)
    mask[150, 20:280] = 255
    view = observed(drawn(mask)).at(48)
    assert 0 < float(view.mask.max()) < 0.5
    assert bool(view.outside.isfinite().all())
    left, top, right, bottom = view.boxes[0].tolist()
    assert right - left > 30
    assert bottom - top <= 2
    assert float(view.outside[0, int(top), int((left + right) / 2)]) == 0


def test_the_focal_length_is_known_recorded_or_assumed(collection: Collection) -> None:
    photo = collection.photos[0]
    assumed = 32 / np.tan(np.radians(FIELD_OF_VIEW_DEG / 2))
    recorded = dataclasses.replace(photo, focal_px=123.0)
    observations = observed(photo)
    assert observations.focal_px == pytest.approx((assumed,))
    assert observations.focal_known == (False,)
    assert observations.lens(0) == pytest.approx((assumed, assumed, 32, 32))
    observations = observed(photo, recorded)
    assert observations.focal_px[1] == 123.0
    assert observations.focal_known == (False, True)
    zoom = 20 / observations.crops[1].side
    assert float(observations.at(20).intrinsics.fx[1]) == pytest.approx(123.0 * zoom, rel=1e-5)


def test_photos_without_masks_are_named_and_refused(collection: Collection) -> None:
    bare = [dataclasses.replace(photo, mask=None) for photo in collection.photos]
    with pytest.raises(InputError, match=r"^001\.jpg: no mask; .*masks/STEM\.png") as caught:
        observed(collection.photos[0], bare[1])
    assert "000.jpg" not in str(caught.value)
    with pytest.raises(InputError, match=r"000\.jpg, 001\.jpg, 002\.jpg and 1 more: no mask"):
        observed(*bare)
