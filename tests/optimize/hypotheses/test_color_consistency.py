"""Colours decide between hypotheses: what these put onto the surface, and whether the right one is believed for it."""

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.hypotheses.color_consistency import (
    color_confidence,
    disagreement,
    expected_colors,
    joint_loss,
    vertex_sums,
)
from zoetrope.representations.camera import Intrinsics, OrbitCamera
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.rendering.fragments import Fragments
from zoetrope.representations.rendering.shading import opponent_colors
from zoetrope.representations.rendering.vertex_sampling import (
    VertexSamples,
    fold_mirror_images,
    sample_at_vertices,
    visible_vertices,
)

VERTICES = 60


def _fold() -> Tensor:
    """No vertex has a twin."""
    return torch.arange(VERTICES)


def _accounts(photo_count: int = 6, noise: float = 0.02) -> tuple[VertexSamples, Tensor, Tensor]:
    """A body with a red front and a blue rear; of each photo a right hypothesis and one that takes front for rear.

    Photos show the front and half of the sides, or the rear and half of them, by turns.
    """
    generator = torch.Generator().manual_seed(0)
    along = torch.linspace(-1, 1, VERTICES)
    coat = torch.stack([(1 + along) / 2, torch.full_like(along, 0.3), (1 - along) / 2], dim=1)
    features, weights, photos = [], [], []
    for photo in range(photo_count):
        front = photo % 2 == 0
        seen = (along > -0.3 if front else along < 0.3).float()
        right = coat + noise * torch.randn(coat.shape, generator=generator)
        features += [right, right.flip(0)]
        weights += [seen, seen.flip(0)]
        photos += [photo, photo]
    return VertexSamples(torch.stack(features), torch.stack(weights)), torch.tensor(photos), coat


def test_colours_settle_front_or_rear_where_outlines_do_not() -> None:
    samples, photo, _ = _accounts()
    # Outlines prefer the wrong hypothesis in two of six photos, by a little.
    loss = torch.tensor([[1.0, 1.3], [1.0, 1.2], [1.1, 1.0], [1.0, 1.25], [1.05, 1.0], [1.0, 1.3]]).reshape(-1)
    assert (loss.reshape(-1, 2).argmin(1) == 0).tolist() == [True, True, False, True, False, True]
    combined = joint_loss(samples, _fold(), photo, loss, weight=1.0).reshape(-1, 2)
    assert bool((combined[:, 0] < combined[:, 1]).all())
    # Without colours it stays as the outlines say.
    quiet = joint_loss(samples, _fold(), photo, loss, weight=0.0).reshape(-1, 2)
    assert torch.equal(quiet.argmin(1), loss.reshape(-1, 2).argmin(1))


def test_units_of_loss_and_colour_do_not_matter() -> None:
    samples, photo, _ = _accounts()
    loss = torch.tensor([1.0, 1.2] * 6)
    expected = joint_loss(samples, _fold(), photo, loss, weight=1.0)
    scaled = VertexSamples(7 * samples.feature, samples.weight)
    torch.testing.assert_close(
        joint_loss(scaled, _fold(), photo, 100 * loss, weight=1.0), expected, atol=1e-3, rtol=1e-3
    )


def test_a_photo_is_not_judged_by_its_own_colours() -> None:
    """All others are grey; the first photo is red, and disagrees by exactly the distance from red to grey."""
    photo = torch.arange(4)
    grey, red = torch.tensor([0.5, 0.5, 0.5]), torch.tensor([1.0, 0.0, 0.0])
    feature = grey.expand(4, VERTICES, 3).clone()
    feature[0] = red
    samples = VertexSamples(feature, torch.ones(4, VERTICES))
    found = disagreement(samples, _fold(), photo, torch.ones(4), prior_strength=1e-6)
    assert float(found[0]) == pytest.approx(float((red - grey).square().sum()), rel=1e-4)
    # A fourth of the others' evidence is red: they expect (2 grey + red) / 3.
    expected = float(((red - grey) / 3).square().sum())
    assert found[1:].tolist() == pytest.approx([expected] * 3, rel=1e-4)


def test_each_photo_expects_what_the_others_show() -> None:
    photo, coat = torch.arange(3), torch.linspace(0, 1, VERTICES)[:, None].expand(-1, 3)
    feature = torch.stack([coat, coat + 0.2, coat - 0.4])
    weight = torch.ones(3, VERTICES)
    weight[1, :10] = 0
    found = expected_colors(
        vertex_sums(VertexSamples(feature, weight), _fold()), photo, torch.ones(3), prior_strength=1e-6
    )
    torch.testing.assert_close(found[0, 10:], coat[10:] - 0.1, atol=1e-4, rtol=0)
    torch.testing.assert_close(found[0, :10], coat[:10] - 0.4, atol=1e-4, rtol=0)
    torch.testing.assert_close(found[2, :10], coat[:10], atol=1e-4, rtol=0)
    # A hypothesis that is not believed paints nothing.
    found = expected_colors(
        vertex_sums(VertexSamples(feature, weight), _fold()), photo, torch.tensor([1.0, 1.0, 0.0]), prior_strength=1e-6
    )
    torch.testing.assert_close(found[0, 10:], coat[10:] + 0.2, atol=1e-4, rtol=0)


def test_folded_names_the_lower_twin() -> None:
    assert fold_mirror_images(torch.tensor([2, 1, 0, 4, 3])).tolist() == [0, 1, 0, 3, 3]


def test_twins_share_their_colours_through_the_fold() -> None:
    """Photo 0 shows only left vertices, photo 1 only the right ones: they meet through the fold, else not at all."""
    half = VERTICES // 2
    along = torch.linspace(0, 1, half)
    coat = torch.stack([along, 1 - along, along.square()], dim=1)
    feature = torch.cat([coat, coat]).expand(2, VERTICES, 3)
    weight = torch.zeros(2, VERTICES)
    weight[0, :half], weight[1, half:] = 1, 1
    samples, photo = VertexSamples(feature, weight), torch.arange(2)
    with_twins = disagreement(samples, torch.arange(VERTICES) % half, photo, torch.ones(2), prior_strength=1e-6)
    without = disagreement(samples, _fold(), photo, torch.ones(2), prior_strength=1e-6)
    assert float(with_twins.max()) < 1e-6
    assert float(without.min()) > 0.05


def _ball_photo() -> tuple[Tensor, Tensor, OrbitCamera, Intrinsics]:
    vertices, faces = icosphere(3)
    zero = torch.zeros(1)
    camera = OrbitCamera(zero + 90, zero, zero, zero + 6, torch.zeros(1, 2))
    return vertices[None] * 0.5, faces, camera, Intrinsics.from_field_of_view(15, 80, 80)


def test_pixels_land_on_the_vertices_that_face_the_camera() -> None:
    vertices, faces, camera, lens = _ball_photo()
    rows, columns = torch.meshgrid(torch.arange(80) + 0.5, torch.arange(80) + 0.5, indexing="ij")
    feature = torch.stack([columns / 80, rows / 80], dim=-1)[None]
    found = sample_at_vertices(vertices, faces, camera, lens, feature, torch.ones(1, 80, 80))
    x, y, z = vertices[0].unbind(1)
    weight = found.weight[0]
    assert bool((weight[x < -0.05] == 0).all()), "the far side is hidden"
    assert bool((weight[x > 0.15] > 0).all())
    assert int(weight.argmax()) == int(x.argmax())
    shown = weight > 0
    # From the left (azimuth 90) the front is on the left of the picture.
    at = found.feature[0][shown]
    focal = float(lens.fx[0]) / 80
    expected = torch.stack([0.5 - focal * z / (6 - x), 0.5 - focal * y / (6 - x)], dim=1)[shown]
    torch.testing.assert_close(at, expected, atol=1e-4, rtol=0)


def test_background_beside_the_mask_does_not_bleed_in() -> None:
    vertices, faces, camera, lens = _ball_photo()
    columns = torch.arange(80).expand(80, 80)
    mask = (columns < 43).float()[None]
    feature = torch.where(mask[..., None] > 0, 0.25, 9.0).expand(1, 80, 80, 3)
    found = sample_at_vertices(vertices, faces, camera, lens, feature, mask)
    shown = found.weight[0] > 0
    assert 20 < int(shown.sum()) < 500
    torch.testing.assert_close(found.feature[0][shown], torch.full((int(shown.sum()), 3), 0.25), atol=1e-5, rtol=0)


def test_visible_vertices_are_the_corners_of_seen_faces() -> None:
    faces = torch.tensor([[0, 1, 2], [2, 3, 4], [4, 5, 6]])
    face = torch.tensor([[[-1, 2], [-1, -1]], [[0, 0], [1, -1]]], dtype=torch.int32)
    depth = torch.ones(2, 2, 2)
    seen = visible_vertices(Fragments(face, depth), faces, 8)
    assert [row.nonzero()[:, 0].tolist() for row in seen] == [[4, 5, 6], [0, 1, 2, 3, 4]]


def test_shading_moves_opponent_colours_less_than_a_change_of_hue() -> None:
    grey = torch.tensor([0.5, 0.5, 0.5])
    shade = opponent_colors(grey * 0.6) - opponent_colors(grey)
    hue = opponent_colors(torch.tensor([0.7, 0.5, 0.3])) - opponent_colors(grey)
    assert float(shade[1:].abs().max()) < 1e-6
    assert float(hue[0].abs()) < 1e-6
    assert float(hue.norm()) > 2 * float(shade.norm())


def test_colours_of_one_individual_have_their_say_and_those_of_many_little() -> None:
    """Six photos of 40 places: each sees half of them, in the coat of one individual or of its own."""
    generator = torch.Generator().manual_seed(5)
    photo, fold = torch.arange(6), torch.arange(40)
    coat = torch.rand(40, 3, generator=generator)
    weight = (torch.rand(6, 40, generator=generator) < 0.5).float()
    responsibility = torch.ones(6)
    one = VertexSamples(coat + 0.05 * torch.randn(6, 40, 3, generator=generator), weight)
    many = VertexSamples(
        torch.rand(6, 1, 3, generator=generator) + 0.05 * torch.randn(6, 40, 3, generator=generator), weight
    )
    says = [
        float(color_confidence(s, photo, responsibility, disagreement(s, fold, photo, responsibility)))
        for s in (one, many)
    ]
    assert says[0] == 1
    assert 0.25 <= says[1] < 0.4


def test_a_photo_in_odd_light_is_not_turned_round_by_its_colours() -> None:
    """In a light of its own neither hypothesis agrees with the rest; the wrong one must not win by agreeing less badly.

    The outline says twice as clearly which is right.
    """
    samples, photo, _ = _accounts()
    feature = samples.feature.clone()
    feature[0], feature[1] = feature[0] + 0.5, feature[1] + 0.25
    loss = torch.tensor([1.0, 1.1] * 6)
    loss[1] = 2.0
    odd = VertexSamples(feature, samples.weight)
    differing = disagreement(odd, _fold(), photo, torch.tensor([1.0, 0.0] * 6))
    assert differing[0] > differing[1] > 5 * differing[2]
    combined = joint_loss(odd, _fold(), photo, loss, weight=1.0).reshape(-1, 2)
    assert bool((combined[:, 0] < combined[:, 1]).all())


def test_beside_maps_colours_have_less_say() -> None:
    samples, photo, _ = _accounts()
    loss = torch.tensor([1.0, 1.2] * 6)
    alone, beside = (
        joint_loss(samples, _fold(), photo, loss, weight=1.0, alone=alone).reshape(-1, 2) for alone in (True, False)
    )
    assert bool((beside[:, 1] - beside[:, 0] < 0.6 * (alone[:, 1] - alone[:, 0])).all())
