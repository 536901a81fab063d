import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.representations.camera import OrbitCamera
from zoetrope.scenes.preview.contact_sheet import SheetEntry, contact_sheet, novel_camera, write_contact_sheet

RED, GREEN, BLUE = torch.eye(3).unbind(0)


def _entry(stem="fox_01", size=64, **more):
    plain = torch.ones(size, size, 3)
    return SheetEntry(stem, photo=plain * RED, fit=plain * GREEN, novel=plain * BLUE, **more)


def _found(sheet, colour):
    """Rows and columns of all pixels of exactly this colour."""
    return np.argwhere((np.asarray(sheet) == np.array(colour)).all(-1))


def test_photo_fit_and_novel_view_stand_side_by_side():
    sheet = contact_sheet([_entry()], cell=100)
    boxes = [_found(sheet, colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    for box in boxes:
        assert len(box) == 100 * 100
        assert (np.ptp(box, axis=0) == 99).all()
    tops, lefts = zip(*(box.min(0) for box in boxes), strict=True)
    assert len(set(tops)) == 1
    assert list(lefts) == sorted(lefts)


def test_every_entry_is_there_and_the_sheet_is_about_square():
    sheet = contact_sheet([_entry(f"{i:03d}") for i in range(20)], cell=40)
    assert len(_found(sheet, (0, 255, 0))) == 20 * 40 * 40
    assert 0.5 < sheet.width / sheet.height < 2
    assert (
        contact_sheet([_entry()] * 3, cell=40, columns=1).height
        > contact_sheet([_entry()] * 3, cell=40, columns=3).height
    )


def test_the_outline_follows_the_coverage():
    coverage = torch.zeros(64, 64)
    coverage[16:48, 24:40] = 1
    sheet = contact_sheet([_entry(coverage=coverage)], cell=64)
    line = _found(sheet, (255, 0, 170))
    assert len(line) == 2 * 32 + 2 * 16 - 4
    assert np.ptp(line, axis=0).tolist() == [31, 15]
    plain = contact_sheet([_entry()], cell=64)
    origin = _found(plain, (255, 0, 0)).min(0)
    assert (line.min(0) - origin).tolist() == [16, 24]


def test_a_photo_that_is_not_square_keeps_its_shape():
    wide = SheetEntry("wide", torch.ones(20, 40, 3) * RED, torch.ones(40, 40, 3), torch.ones(40, 40, 3))
    box = _found(contact_sheet([wide], cell=80), (255, 0, 0))
    assert np.ptp(box, axis=0).tolist() == [39, 79]


def test_captions_differ_by_stem_and_score_and_stay_in_their_strip():
    def caption(**more):
        sheet = np.asarray(contact_sheet([_entry(**more)], cell=100, columns=1))
        return sheet[_found(sheet, (0, 255, 0))[:, 0].max() + 1 :]

    assert not np.array_equal(caption(), caption(iou=0.83))
    assert not np.array_equal(caption(iou=0.83), caption(iou=0.84))
    assert not np.array_equal(caption(stem="a"), caption(stem="b"))
    long = caption(stem="a_very_long_name_" * 20, iou=0.5)
    assert (long[:, -3:] == long[0, -1]).all()


def test_headings_shrink_to_a_narrow_sheet():
    """The title ends before the margin, and the lowest IoU, which stands last, is still told apart."""

    def heading(lowest):
        sheet = contact_sheet([_entry(iou=lowest)], title="six_photos_of_a_dog_of_an_old_breed", cell=100, columns=1)
        pixels = np.asarray(sheet)
        return pixels[: _found(pixels, (255, 0, 0))[:, 0].min()]

    one, other = heading(0.931), heading(0.934)
    assert (one[:, -4:] == one[0, -1]).all()
    assert not np.array_equal(one, other)


def test_it_is_written_as_png(tmp_path):
    write_contact_sheet(tmp_path / "contact_sheet.png", [_entry(iou=0.9)], title="fox")
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.format == "PNG"
    with pytest.raises(ValueError, match="at least one photo"):
        write_contact_sheet(tmp_path / "none.png", [])


def test_novel_cameras_turn_towards_the_front():
    azimuth = torch.tensor([0.0, 90.0, -100.0, 180.0])
    zeros = torch.zeros(4)
    seen = novel_camera(OrbitCamera(azimuth, zeros + 40, zeros + 5, zeros + 3, torch.ones(4, 2)))
    turned = torch.remainder(seen.azimuth_deg - azimuth + 180, 360) - 180
    torch.testing.assert_close(turned.abs(), torch.full((4,), 75.0))
    torch.testing.assert_close(seen.azimuth_deg[:3], torch.tensor([75.0, 15.0, -25.0]))
    assert bool((seen.roll_deg == 0).all())
    assert bool((seen.distance == 3).all())
