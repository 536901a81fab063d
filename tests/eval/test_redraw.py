"""Photos drawn again by a run that wears exactly their colours, and by runs that do not."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from zoetrope.eval.metrics.visibility import view
from zoetrope.eval.prediction import load_prediction
from zoetrope.eval.redraw import Redrawn, redraw_run
from zoetrope.eval.truth import load_masks
from zoetrope.scenes.mesh_file import read_ply, write_ply
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.nerfstudio import read_transforms, write_transforms


def redraw(portraits) -> tuple[dict[str, Redrawn], list[str]]:
    photos = load_collection(portraits.photos)
    found = load_prediction(portraits.run, load_masks(photos).sizes)
    views = {stem: view(found.meshes[stem], found.cameras[stem]) for stem in found.complete}
    return redraw_run(portraits.run, photos, found, views)


def test_the_photos_own_colours_give_the_photo(portraits) -> None:
    pairs, faults = redraw(portraits)
    assert list(pairs) == ["0", "1", "2"]
    assert faults == []
    for stem, pair in pairs.items():
        assert pair.drawn.shape == pair.photo.shape
        # A disc of 2 * 25.2 pixels.
        assert all(49 <= side <= 53 for side in pair.photo.shape[:2])
        inside = (pair.photo < 0.9).any(-1) & (pair.drawn < 0.9).any(-1)
        assert inside.float().mean() > 0.7
        # The mask's edge is hard, the drawing's is not.
        assert (pair.drawn - pair.photo)[inside].abs().median() < 0.005
        corner = torch.stack([pair.drawn[0, 0], pair.photo[0, 0]])
        assert (corner > 0.999).all(), stem


def test_the_box_holds_the_mask_and_all_that_is_drawn(portraits) -> None:
    """A camera that looks aside: the ball stands 20 pixels to the right, and the box is as much wider."""
    frames = read_transforms(portraits.run / "transforms.json")
    aside = [replace(frame, cx=frame.cx + 20) for frame in frames]
    before, _ = redraw(portraits)
    write_transforms(portraits.run / "transforms.json", aside)
    after, _ = redraw(portraits)
    height, width, _ = before["0"].photo.shape
    assert tuple(after["0"].photo.shape[:2]) == (height, width + 20)
    assert (after["0"].drawn[:, :18] > 0.999).all()
    assert (after["0"].photo[:, -18:] == 1).all()


def test_large_photos_are_shrunk_and_small_ones_framed(portraits) -> None:
    before, _ = redraw(portraits)
    for path in [*portraits.photos.glob("*.png"), *portraits.photos.glob("masks/*.png")]:
        with Image.open(path) as picture:
            large = picture.resize((picture.width * 16, picture.height * 16), Image.Resampling.NEAREST)
        large.save(path)
    after, _ = redraw(portraits)
    assert max(after["1"].photo.shape) == 512
    inside = (after["1"].photo < 0.9).any(-1) & (after["1"].drawn < 0.9).any(-1)
    assert (after["1"].drawn - after["1"].photo)[inside].abs().mean() < 0.02
    assert min(before["1"].photo.shape[:2]) < 512
    for path in portraits.photos.glob("masks/*.png"):
        thin = np.zeros((16 * 80, 16 * 96), np.uint8)
        thin[640:648, 300:1200] = 255
        Image.fromarray(thin).save(path)
        (portraits.run / "posed" / f"{path.stem}.ply").unlink()
    framed, _ = redraw(portraits)
    assert framed["1"].photo.shape == (32, 512, 3)
    assert (framed["1"].photo[8:] == 1).all()


def test_what_cannot_be_drawn_is_an_empty_picture(portraits) -> None:
    (portraits.run / "posed" / "0.ply").unlink()
    (portraits.run / "instances" / "1.glb").write_bytes(b"glTF")
    pairs, faults = redraw(portraits)
    for stem in ("0", "1"):
        assert (pairs[stem].drawn == 1).all()
        assert (pairs[stem].photo < 0.9).any()
    assert (pairs["2"].drawn < 0.9).any()
    (fault,) = faults
    assert fault.startswith("the picture of 1: ")


def test_a_subject_of_another_fit_is_not_drawn(portraits) -> None:
    path = portraits.run / "posed" / "2.ply"
    vertices, faces = read_ply(path)
    write_ply(path, vertices, faces.flip(0))
    pairs, (fault,) = redraw(portraits)
    assert "posed/2.ply has other triangles" in fault
    assert (pairs["2"].drawn == 1).all()


def test_a_run_without_texture_says_so(portraits) -> None:
    (portraits.run / "checkpoints" / "subject.safetensors").unlink()
    pairs, (fault,) = redraw(portraits)
    assert pairs == {}
    assert "subject.safetensors is missing" in fault


def test_squares_keep_the_middle_in_the_middle() -> None:
    drawn, photo = torch.zeros(20, 60, 3), torch.full((20, 60, 3), 0.5)
    square = Redrawn(drawn, photo).square(30)
    assert square.drawn.shape == square.photo.shape == (30, 30, 3)
    assert (square.drawn[11:19] < 0.01).all()
    assert (square.drawn[:9] == 1).all()
    assert (square.drawn[21:] == 1).all()
    assert torch.allclose(square.photo[15, 15], torch.tensor(0.5))
