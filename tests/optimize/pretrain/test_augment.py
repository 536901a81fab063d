"""Batches: labels stay on what they label, mirrored pictures swap sides, covers hide, and the network learns."""

from dataclasses import replace

import pytest
import torch

from zoetrope.optimize.pretrain.augment import AugmentConfig, draw_batch
from zoetrope.optimize.pretrain.pool import CANONICAL_XYZ_STEPS, Pool
from zoetrope.scenes.photography.label import LEFT, NONE, RIGHT

STILL = AugmentConfig(zoom=(1.0, 1.0), turn_deg=0.0, shift=0.0, closer_share=0.0, strength=0.0, mask_share=1.0)
CLOSER = replace(STILL, closer_share=1.0, closer_margin=(0.1, 0.1), closer_shift=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_unchanged_photos_keep_their_labels_and_mirrored_ones_swap_sides(pool: Pool) -> None:
    index = torch.arange(8)
    batch = draw_batch(pool, index, 64, STILL, generator())
    mirrored = (batch.view[:, 0] - pool.view[:, 0]).abs() > 1e-3
    assert 0 < int(mirrored.sum()) < 8, "some of each"
    torch.testing.assert_close(batch.view[mirrored, 0], (-pool.view[mirrored, 0]) % 360, atol=1e-3, rtol=0)
    for k in range(8):
        photo, visible, side = pool.photo[k].float() / 255, pool.visible[k].float() / 255, pool.side[k]
        part, canonical_xyz = pool.part[k].long(), pool.canonical_xyz[k].float() / CANONICAL_XYZ_STEPS
        if mirrored[k]:
            photo, visible, side, part, canonical_xyz = (
                some.flip(1) for some in (photo, visible, side, part, canonical_xyz)
            )
        torch.testing.assert_close(batch.picture[k].permute(1, 2, 0), photo, atol=1e-4, rtol=0)
        torch.testing.assert_close(batch.visible[k], visible, atol=1e-4, rtol=0)
        known = (visible > 0.5) & (part != NONE)
        assert torch.equal(batch.part[k], torch.where(known, part, NONE))
        sides = torch.where(side == LEFT, 1.0, torch.where(side == RIGHT, 0.0, 0.5))
        sides = torch.where(known, 1 - sides if mirrored[k] else sides, 0.5)
        assert torch.equal(batch.left[k], sides)
        canonical_xyz = (
            torch.cat([canonical_xyz[..., :1].abs(), canonical_xyz[..., 1:]], dim=-1).permute(2, 0, 1) * known
        )
        torch.testing.assert_close(batch.canonical_xyz[k], canonical_xyz, atol=1e-4, rtol=0)
    assert (batch.inside == 1).all()


def test_moved_photos_move_their_labels(pool: Pool) -> None:
    """A turned and shrunk photo's mask, part labels and picture still lie on each other."""
    config = replace(STILL, zoom=(1.3, 1.3), turn_deg=25.0, shift=0.05)
    batch = draw_batch(pool, torch.arange(8), 64, config, generator(1))
    assert float(batch.inside.mean()) < 0.75, "what lies beyond the frame is known to be unknown"
    around = torch.nn.functional.max_pool2d(batch.inside[:, None], 3, 1, 1)
    beyond = torch.nn.functional.interpolate(around, 64)[:, 0] == 0
    assert (batch.picture.mean(1)[beyond] == 0).all()
    known = batch.part != NONE
    assert float((batch.visible > 0.3)[known].float().mean()) > 0.95
    assert float(known[batch.visible > 0.8].float().mean()) > 0.95


def _spans(masks: torch.Tensor) -> list[tuple[float, float, float]]:
    """Column and row of the middle of each mask's box, and its longer side, in parts of the picture."""
    found = []
    for mask in masks > 0.5:
        row, column = mask.nonzero().T
        low, high = torch.stack([column.min(), row.min()]), torch.stack([column.max(), row.max()]) + 1
        middle, side = (low + high) / 2 / len(mask), float((high - low).max()) / len(mask)
        found.append((float(middle[0]), float(middle[1]), side))
    return found


def test_closer_cuts_have_the_subject_in_their_middle(pool: Pool) -> None:
    batch = draw_batch(pool, torch.arange(8), 64, CLOSER, generator(2))
    for column, row, side in _spans(batch.visible):
        assert (column, row) == pytest.approx((0.5, 0.5), abs=0.05)
        assert side == pytest.approx(1 / 1.2, abs=0.06)
    known = batch.part != NONE
    assert float((batch.visible > 0.3)[known].float().mean()) > 0.95
    assert float(known[batch.visible > 0.8].float().mean()) > 0.95


def test_a_subject_out_of_view_is_not_cut_to_nothing(pool: Pool) -> None:
    hidden = replace(pool, visible=torch.zeros_like(pool.visible))
    batch = draw_batch(hidden, torch.arange(8), 64, CLOSER, generator(2))
    assert bool(batch.picture.isfinite().all())
    assert float(batch.visible.max()) == 0


def test_large_photos_are_shrunk_to_means(pool: Pool) -> None:
    """A pattern finer than the pictures' pixels becomes grey and does not sparkle, wherever it is cut."""
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 255
    fine = replace(pool, photo=board.to(torch.uint8)[None, ..., None].expand(8, -1, -1, 3))
    batch = draw_batch(fine, torch.arange(8), 32, replace(STILL, zoom=(0.95, 0.95)), generator(3))
    assert float(batch.picture.std()) < 0.12
    assert float(batch.picture.mean()) == pytest.approx(0.5, abs=0.01)


def test_covers_hide_what_they_cover(pool: Pool) -> None:
    shown, hidden = [], []
    for seed in range(6):
        plain = draw_batch(pool, torch.arange(8), 64, STILL, generator(seed))
        covered = draw_batch(pool, torch.arange(8), 64, replace(STILL, strength=1.0), generator(seed))
        # The same cut of the same photo, and the whole subject is still said to be there.
        torch.testing.assert_close(covered.amodal, plain.amodal)
        assert (covered.visible <= plain.visible + 1e-6).all()
        gone = (plain.part != NONE) & (covered.part == NONE)
        changed = torch.nn.functional.avg_pool2d((covered.picture - plain.picture).abs().mean(1, keepdim=True), 2)[:, 0]
        hidden.append(changed[gone])
        shown.append(changed[(plain.part != NONE) & ~gone])
    assert len(torch.cat(hidden)) > 20
    assert torch.cat(hidden).mean() > 1.3 * torch.cat(shown).mean()


def test_masks_are_given_to_some(pool: Pool) -> None:
    batch = draw_batch(pool, torch.arange(8).repeat(8), 64, replace(STILL, mask_share=0.5), generator())
    assert 0.25 < float(batch.given.mean()) < 0.75
    assert (batch.mask[batch.given == 0] == 0).all()
    overlap = (batch.mask > 0.5) & (torch.nn.functional.interpolate(batch.visible[:, None], 64)[:, 0] > 0.5)
    assert (overlap[batch.given == 1].sum((1, 2)) > 0).all()


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_the_same_generator_draws_the_same(pool: Pool, strength: float) -> None:
    config = AugmentConfig(strength=strength)
    one, other = (draw_batch(pool, torch.arange(8), 64, config, generator(4)) for _ in range(2))
    for name, value in vars(one).items():
        assert torch.equal(value, getattr(other, name)), name


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("mask_share", [0.0, 0.1, 1.0])
def test_nothing_is_computed_on_empty_batches(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, count: int, mask_share: float
) -> None:
    """Whatever falls on no photo of the batch is left out: MKL, for one, refuses the spectrum of nothing."""
    for name in ("rfft2", "irfft2"):
        transform = getattr(torch.fft, name)

        def refusing(some: torch.Tensor, *rest: object, transform=transform, **named: object) -> torch.Tensor:
            assert some.numel() > 0, "the spectrum of an empty batch"
            return transform(some, *rest, **named)

        monkeypatch.setattr(torch.fft, name, refusing)
    config = AugmentConfig(strength=0.3, mask_share=mask_share)
    given = []
    for seed in range(12):
        batch = draw_batch(pool, torch.arange(count), 32, config, generator(seed))
        assert bool(torch.isfinite(batch.picture).all())
        assert bool((batch.mask.flatten(1).sum(1) > 0).eq(batch.given > 0).all()), "masks where they are given alone"
        given.append(int(batch.given.sum()))
    if mask_share == 0.1:
        assert 0 in given, "some batches without a single mask"


def test_a_batch_of_no_photos_is_refused(pool: Pool) -> None:
    with pytest.raises(ValueError, match=r"0 photos was asked of a pool of 8"):
        draw_batch(pool, torch.arange(0), 64, STILL, generator())
