"""Flow of a moving mesh against rays: where points are in the next picture, and what hides them there."""

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.rendering.flow import surface_flow
from zoetrope.representations.rendering.topology import Topology

SIZE = 256
LENS = Intrinsics.from_field_of_view(30.0, SIZE, SIZE)


def camera(azimuth_deg: float) -> OrbitCamera:
    one = torch.ones(1)
    return OrbitCamera(azimuth_deg * one, 15 * one, 0 * one, 2.4 * one, torch.zeros(1, 2))


def first_hits(
    origin: np.ndarray, ways: np.ndarray, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of rays (R, 3) from one place: the nearest face (-1 for none), its barycentrics and the distance in ways."""
    a, b, c = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    faces, weights, distances = [], [], []
    for way in ways:
        across = np.cross(way, c)
        volume = (b * across).sum(-1)
        safe = np.where(np.abs(volume) < 1e-14, np.inf, volume)
        one = ((origin - a) * across).sum(-1) / safe
        other = np.cross(origin - a, b)
        two = other @ way / safe
        far = (other * c).sum(-1) / safe
        hit = (one >= 0) & (two >= 0) & (one + two <= 1) & (far > 1e-6) & np.isfinite(safe)
        far = np.where(hit, far, np.inf)
        face = int(far.argmin())
        faces.append(face if np.isfinite(far[face]) else -1)
        weights.append((1 - one[face] - two[face], one[face], two[face]))
        distances.append(far[face])
    return np.array(faces), np.array(weights), np.array(distances)


def pixel_of(points: np.ndarray, seen_from: OrbitCamera) -> np.ndarray:
    clip = project(torch.from_numpy(points).float()[None], seen_from, LENS)[0].double().numpy()
    x, y = clip[:, 0] / clip[:, 3], clip[:, 1] / clip[:, 3]
    return np.stack([(x + 1) * SIZE / 2, (1 - y) * SIZE / 2], axis=-1)


def check(
    first: Float[Tensor, "V 3"], second: Float[Tensor, "V 3"], faces: Tensor, cameras: tuple[OrbitCamera, OrbitCamera]
) -> tuple[float, float, float]:
    """Mean end-point error in pixels, share of right visibilities, and share of hidden points, over sampled pixels."""
    clips = [project(one[None], seen_from, LENS) for one, seen_from in zip((first, second), cameras, strict=True)]
    flow = surface_flow(clips[0], clips[1], Topology.of(faces), (SIZE, SIZE))
    rows, columns = (part.numpy() for part in flow.covered[0].nonzero(as_tuple=True))
    chosen = np.random.default_rng(0).choice(len(rows), 400, replace=False)
    rows, columns = rows[chosen], columns[chosen]
    corners, moved = (one.double().numpy()[faces.numpy()] for one in (first, second))
    pose = cameras[0].world_from_camera()[0].double().numpy()
    focal = SIZE / 2 / np.tan(np.radians(15))
    ways = np.stack([(columns + 0.5 - SIZE / 2) / focal, -(rows + 0.5 - SIZE / 2) / focal, -np.ones(len(rows))], -1)
    face, weights, _ = first_hits(pose[:3, 3], ways @ pose[:3, :3].T, corners)
    # Coverage and rays may differ by rounding, on an outline alone.
    hit = face >= 0
    assert hit.mean() > 0.99
    rows, columns, face, weights = rows[hit], columns[hit], face[hit], weights[hit]
    there = (moved[face] * weights[..., None]).sum(1)
    true = pixel_of(there, cameras[1]) - np.stack([columns, rows], axis=-1) - 0.5
    found = flow.shift[0].numpy()[rows, columns]
    eye = cameras[1].world_from_camera()[0, :3, 3].double().numpy()
    _, _, reached = first_hits(eye, there - eye, moved)
    seen = reached > 1 - 1e-3
    error = np.linalg.norm(found - true, axis=-1).mean()
    right = (flow.visible[0].numpy()[rows, columns] == seen).mean()
    return float(error), float(right), float(1 - seen.mean())


@pytest.fixture(scope="module")
def walker() -> tuple[Tensor, Tensor]:
    """A fox of the zoo in four poses, (4, V, 3), and its faces."""
    from zoetrope.scenes.photography.photograph import PhotographyConfig
    from zoetrope.scenes.zoo.sitting import take_photos

    sitting = take_photos("fox", 4, torch.Generator().manual_seed(4), PhotographyConfig(size=48))
    return sitting.poses.vertices.float(), sitting.sitter.faces


def test_points_of_a_moving_animal_are_followed_and_those_that_get_hidden_are_known(
    walker: tuple[Tensor, Tensor],
) -> None:
    poses, faces = walker
    found = [
        check(poses[0], poses[1], faces, (camera(60), camera(60))),
        check(poses[2], poses[3], faces, (camera(20), camera(50))),
    ]
    errors, right, hidden = np.array(found).T
    assert errors.max() < 0.05
    assert right.min() > 0.97
    # There was something to get wrong.
    assert hidden.max() > 0.08


def test_what_one_ball_hides_of_another_is_hidden() -> None:
    ball, faces = icosphere(3)
    both = torch.cat([faces, faces + len(ball)])
    behind = torch.tensor([0.0, 0.0, -1.0])
    apart = torch.cat([0.2 * ball + torch.tensor([-0.5, 0.0, 0.3]), 0.2 * ball + behind * 0.3])
    before = torch.cat([0.2 * ball + torch.tensor([0.0, 0.0, 0.3]), 0.2 * ball + behind * 0.3])
    still = OrbitCamera(*torch.zeros(3, 1), 3.0 * torch.ones(1), torch.zeros(1, 2))
    clips = [project(one[None], still, LENS) for one in (apart, before)]
    flow = surface_flow(clips[0], clips[1], Topology.of(both), (SIZE, SIZE))
    columns = torch.arange(SIZE)[None].expand(SIZE, SIZE)
    right = flow.covered[0] & (columns > 100)
    left = flow.covered[0] & (columns < 100)
    assert int(right.sum()) > 500
    # The nearer ball looks larger and covers all of the farther one; itself it stays in sight, but for its rim.
    assert not bool(flow.visible[0][right].any())
    assert float(flow.visible[0][left].float().mean()) > 0.99
    assert float(flow.shift[0][right].abs().max()) < 1e-3
    focal = SIZE / 2 / np.tan(np.radians(15))
    assert float(flow.shift[0][left][:, 0].mean()) == pytest.approx(0.5 * focal / 2.55, rel=0.02)
    assert not bool((flow.visible & ~flow.covered).any())


def test_what_leaves_the_picture_is_not_visible_there() -> None:
    ball, faces = icosphere(2)
    still = OrbitCamera(*torch.zeros(3, 1), 3.0 * torch.ones(1), torch.zeros(1, 2))
    gone = 0.3 * ball + torch.tensor([2.0, 0.0, 0.0])
    flow = surface_flow(
        project(0.3 * ball[None], still, LENS), project(gone[None], still, LENS), Topology.of(faces), (SIZE, SIZE)
    )
    assert bool(flow.covered.any())
    assert not bool(flow.visible.any())
