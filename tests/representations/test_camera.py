"""Cameras on an orbit: which side they see, where a point falls, and back from matrices to angles."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoetrope.representations.camera import Intrinsics, OrbitCamera, project, to_camera, to_clip, to_pixels

FEW = settings(max_examples=40, deadline=None)


def orbit(
    azimuth: float = 0, elevation: float = 0, roll: float = 0, distance: float = 3, offset: tuple[float, float] = (0, 0)
) -> OrbitCamera:
    azimuth_deg, elevation_deg, roll_deg, away = (
        torch.tensor([value], dtype=torch.float64) for value in (azimuth, elevation, roll, distance)
    )
    return OrbitCamera(azimuth_deg, elevation_deg, roll_deg, away, torch.tensor([offset], dtype=torch.float64))


def lens(width: int = 100, height: int = 60, fov: float = 40.0) -> Intrinsics:
    one = Intrinsics.from_field_of_view(fov, width, height)
    return Intrinsics(one.fx.double(), one.fy.double(), one.cx.double(), one.cy.double(), width, height)


def pixel(camera: OrbitCamera, point: tuple[float, float, float]) -> tuple[float, float, float]:
    """Column, row and depth of a world point."""
    clip = project(torch.tensor([[point]], dtype=torch.float64), camera, lens())
    column, row = to_pixels(clip, 100, 60)[0, 0].tolist()
    return column, row, float(clip[0, 0, 3])


def test_azimuth_0_sees_the_front_and_90_the_left() -> None:
    nose, left_side = (0.0, 0.0, 0.5), (0.5, 0.0, 0.0)
    assert pixel(orbit(0), nose)[2] == pytest.approx(2.5)
    assert pixel(orbit(0), left_side)[2] == pytest.approx(3)
    assert pixel(orbit(90), left_side)[2] == pytest.approx(2.5)
    assert pixel(orbit(180), nose)[2] == pytest.approx(3.5)
    # From the front the subject's left is on the right of the picture; from its left the nose is on the picture's left.
    assert pixel(orbit(0), left_side)[0] > 60
    assert pixel(orbit(90), nose)[0] < 40


def test_up_is_up_and_row_0_on_top() -> None:
    for azimuth in (0, 70, 200):
        column, row, _ = pixel(orbit(azimuth), (0.0, 0.4, 0.0))
        assert column == pytest.approx(50)
        assert row < 25
        assert pixel(orbit(azimuth), (0.0, 0.0, 0.0))[:2] == pytest.approx((50, 30))
    # From above, what is nearer (the front, at azimuth 0) lies lower in the picture.
    assert pixel(orbit(0, elevation=40), (0.0, 0.0, 0.4))[1] > 32


def test_the_camera_stands_where_the_docstring_says() -> None:
    azimuth, elevation, distance = 37.0, -21.0, 2.3
    a, e = math.radians(azimuth), math.radians(elevation)
    expected = [distance * math.sin(a) * math.cos(e), distance * math.sin(e), distance * math.cos(a) * math.cos(e)]
    camera = orbit(azimuth, elevation, roll=33, distance=distance)
    assert camera.world_from_camera()[0, :3, 3].tolist() == pytest.approx(expected)


def test_roll_turns_the_camera_counter_clockwise_and_so_the_picture_clockwise() -> None:
    # A point above the centre moves to the right of the picture.
    column, row, _ = pixel(orbit(30, roll=90), (0.0, 0.4, 0.0))
    assert column > 60
    assert row == pytest.approx(30)


def test_the_offset_is_the_look_at_point_along_right_and_up() -> None:
    camera = orbit(130, 20, 10, offset=(0.2, -0.1))
    right, up, _ = camera.rotation()[0]
    target = 0.2 * right - 0.1 * up
    assert pixel(camera, tuple(target.tolist()))[:2] == pytest.approx((50, 30))  # type: ignore[arg-type]
    # Looking further right moves the subject to the left.
    assert pixel(camera, (0.0, 0.0, 0.0))[0] < 50
    assert pixel(camera, (0.0, 0.0, 0.0))[1] < 30


@FEW
@given(
    st.floats(-179, 179),
    st.floats(-85, 85),
    st.floats(-179, 179),
    st.floats(0.5, 9),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_matrices_give_the_angles_back(
    azimuth: float, elevation: float, roll: float, distance: float, offset: tuple[float, float]
) -> None:
    camera = orbit(azimuth, elevation, roll, distance, offset)
    rotation = camera.rotation()[0]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))
    assert float(torch.linalg.det(rotation)) == pytest.approx(1)
    back = OrbitCamera.from_matrix(camera.world_from_camera())
    for name, value in vars(camera).items():
        torch.testing.assert_close(getattr(back, name), value, atol=1e-6, rtol=0)


@FEW
@given(st.floats(-180, 180), st.floats(-80, 80), st.floats(-90, 90), st.tuples(*[st.floats(-0.5, 0.5)] * 3))
def test_projection_is_the_pinhole_formula(
    azimuth: float, elevation: float, roll: float, point: tuple[float, float, float]
) -> None:
    camera = orbit(azimuth, elevation, roll, 3, (0.1, 0.2))
    world = torch.tensor([[point]], dtype=torch.float64)
    local = to_camera(world, camera)[0, 0]
    matrix = camera.camera_from_world()[0]
    torch.testing.assert_close(local, matrix[:3, :3] @ world[0, 0] + matrix[:3, 3])
    glass = lens()
    depth = -local[2]
    column, row, w = pixel(camera, point)
    assert w == pytest.approx(float(depth))
    assert column == pytest.approx(float(glass.cx + glass.fx * local[0] / depth))
    assert row == pytest.approx(float(glass.cy - glass.fy * local[1] / depth))
    torch.testing.assert_close(to_clip(to_camera(world, camera), glass), project(world, camera, glass))


def test_an_off_centre_lens_shifts_the_picture_and_resizing_scales_it() -> None:
    camera = orbit(20, 10)
    point = torch.tensor([[[0.1, 0.2, 0.3]]], dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    glass = Intrinsics(120 * one, 130 * one, 33 * one, 44 * one, 100, 60)
    centred = Intrinsics(120 * one, 130 * one, 50 * one, 30 * one, 100, 60)
    at = to_pixels(project(point, camera, glass), 100, 60)
    middle = to_pixels(project(point, camera, centred), 100, 60)
    torch.testing.assert_close(at - middle, torch.tensor([[[-17.0, 14.0]]], dtype=torch.float64))
    small = glass.resized(50, 15)
    scaled = to_pixels(project(point, camera, small), 50, 15)
    torch.testing.assert_close(scaled, at * torch.tensor([0.5, 0.25], dtype=torch.float64))


def test_near_and_far_are_the_ends_of_clip_space() -> None:
    clip = to_clip(torch.tensor([[[0.0, 0.0, -0.5], [0.0, 0.0, -7.0]]], dtype=torch.float64), lens(), near=0.5, far=7.0)
    assert (clip[0, :, 2] / clip[0, :, 3]).tolist() == pytest.approx([-1, 1])
    assert clip[0, :, 3].tolist() == pytest.approx([0.5, 7.0])


def test_the_field_of_view_spans_the_longer_side() -> None:
    for width, height in ((100, 60), (60, 100)):
        glass = Intrinsics.from_field_of_view(40, width, height, count=2)
        assert float(2 * torch.rad2deg(torch.atan(50 / glass.fx[0]))) == pytest.approx(40, abs=1e-4)
        assert (glass.cx.tolist(), glass.cy.tolist()) == ([width / 2] * 2, [height / 2] * 2)


def test_selection_keeps_entries_together() -> None:
    generator = torch.Generator().manual_seed(0)
    camera = OrbitCamera(*(torch.rand(4, generator=generator) for _ in range(4)), torch.rand(4, 2, generator=generator))
    chosen = camera.select(torch.tensor([2, 0]))
    for name, value in vars(camera).items():
        assert torch.equal(getattr(chosen, name), value[[2, 0]])
