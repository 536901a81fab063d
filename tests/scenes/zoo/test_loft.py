"""Lofts: closed, outward, as wide as their stations say, and addressed along their bones."""

import numpy as np
import pytest
import trimesh

from zoetrope.scenes.zoo.loft import Loft, sweep

BENT = Loft(
    "bent",
    ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 1.0)),
    ("a", "b"),
    ("trunk_rear", "trunk_middle"),
    ((0.0, 0.2, 0.1, 0.3), (1.0, 0.3, 0.2, 0.2), (2.0, 0.1, 0.1, 0.1)),
    rings=30,
    spokes=24,
)


def solid(loft: Loft) -> trimesh.Trimesh:
    swept = sweep(loft)
    return trimesh.Trimesh(swept.vertices, swept.faces, process=False)


def test_lofts_are_closed_and_wound_outward() -> None:
    for loft in (
        BENT,
        Loft("ball", ((0, 0, 0), (0, 0.01, 0)), ("a",), ("head",), ((0, 1, 1, 1), (1, 1, 1, 1)), (1, 1), 2.0),
    ):
        mesh = solid(loft)
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        assert mesh.volume > 0
    # Two half balls on a hundredth of height between them.
    assert mesh.volume == pytest.approx(4 / 3 * np.pi + 0.01 * np.pi, rel=0.06)
    assert len(mesh.vertices) == 18 * 20 + 2


def test_sections_have_the_radii_of_their_stations() -> None:
    straight = Loft(
        "bar", ((0, 0, 0), (0, 0, 1)), ("a",), ("head",), ((0, 0.2, 0.1, 0.3), (1, 0.2, 0.1, 0.3)), exponent=2.0
    )
    swept = sweep(straight)
    middle = swept.vertices[np.abs(swept.u - 0.5) < 0.3]
    # A bone along +Z: lateral is X, theta 0 is below.
    assert middle[:, 0].max() == pytest.approx(0.2, rel=0.01)
    assert middle[:, 1].min() == pytest.approx(-0.1, rel=0.01)
    assert middle[:, 1].max() == pytest.approx(0.3, rel=0.01)
    below = np.abs(swept.theta) < 1e-9
    assert (swept.vertices[below & (np.abs(swept.u - 0.5) < 0.3), 1] < 0).all()


def test_it_is_its_own_mirror_image_face_by_face() -> None:
    swept = sweep(BENT)
    flipped = swept.vertices * (-1, 1, 1)
    twin = np.array([np.linalg.norm(swept.vertices - point, axis=1).argmin() for point in flipped])
    assert np.allclose(swept.vertices[twin], flipped, atol=1e-9)
    here = {tuple(sorted(face)) for face in swept.faces.tolist()}
    assert {tuple(sorted(twin[face].tolist())) for face in swept.faces} == here


def test_the_floor_presses_soles_flat() -> None:
    foot = Loft(
        "foot",
        ((0, 1, 0), (0, 0, 0)),
        ("a",),
        ("left_hind_foot",),
        ((0, 0.2, 0.2, 0.2), (1, 0.3, 0.3, 0.3)),
        floor=(0.0, 0.1),
    )
    low = sweep(foot).vertices[:, 1].min()
    assert -0.03 < low < 0


def test_the_course_goes_on_from_its_start_at_its_rate() -> None:
    swept = sweep(
        Loft("bar", ((0, 0, 0), (0, 0, 2)), ("a",), ("head",), ((0, 1, 1, 1), (1, 1, 1, 1)), course=(5.0, -2.0))
    )
    inside = (swept.u >= 0) & (swept.u <= 1)
    assert np.allclose(swept.course[inside], 5 - 2 * 2 * swept.u[inside])


def test_stations_must_increase() -> None:
    with pytest.raises(ValueError, match="must increase"):
        sweep(Loft("bad", ((0, 0, 0), (0, 0, 1)), ("a",), ("head",), ((0.5, 1, 1, 1), (0.5, 1, 1, 1))))
