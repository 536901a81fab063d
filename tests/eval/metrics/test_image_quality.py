import pytest
import torch

from zoetrope.eval.metrics.image_quality import psnr, ssim


def pictures(seed, count=2, size=24):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, size, size + 8, 3, generator=generator)


def test_psnr_is_the_textbook_formula_for_each_picture():
    a, b = pictures(0), pictures(1)
    expected = -10 * torch.log10((a.double() - b.double()).square().mean((1, 2, 3)))
    assert torch.allclose(psnr(a, b), expected)
    assert torch.isinf(psnr(a, a)).all()


def test_ssim_knows_structure():
    a = pictures(0)
    assert torch.allclose(ssim(a, a), torch.ones(2, dtype=torch.float64))
    assert torch.allclose(ssim(a, pictures(1)), ssim(pictures(1), a))
    # Two flat pictures have only means to compare: (2 m n + c1) / (m^2 + n^2 + c1), c1 = 0.01^2.
    flat = ssim(torch.full((1, 16, 16, 3), 0.2), torch.full((1, 16, 16, 3), 0.6))
    assert flat.item() == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-6)
    # The same shift in brightness costs less than noise of the same size; inverted structure is below none.
    noise = 0.1 * torch.randn(a.shape, generator=torch.Generator().manual_seed(2))
    assert (ssim(0.5 * a + 0.1, 0.5 * a) > ssim(0.5 * a + noise, 0.5 * a)).all()
    assert (ssim(1 - a, a) < 0).all()


def test_sizes_must_agree_and_suffice():
    with pytest.raises(ValueError, match="one size"):
        psnr(pictures(0), pictures(0)[:, :12])
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(pictures(0, size=8), pictures(0, size=8))
