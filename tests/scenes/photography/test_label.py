"""Labels of pixels against the same worked out in plain torch, and keypoints that are seen or hidden."""

import numpy as np
import torch

from zoetrope.representations.body.chart import PART_KINDS, PARTS
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
from zoetrope.representations.geometry.mesh import vertex_normals
from zoetrope.representations.rendering import rasterize
from zoetrope.representations.rendering.interpolate import barycentrics_torch
from zoetrope.scenes.photography.body import body_vertex_normals as compiled_normals
from zoetrope.scenes.photography.label import LEFT, MIDDLE, NONE, RIGHT, draw_labels
from zoetrope.scenes.photography.landmark import HIDDEN, OUTSIDE, VISIBLE, see_keypoints
from zoetrope.scenes.photography.sitter import Poses, Sitter

SIZE = 96


def _view(sitter: Sitter, poses: Poses, azimuth_deg: float, part: torch.Tensor):
    camera = OrbitCamera(*(torch.tensor([v]) for v in (azimuth_deg, 12.0, 0.0, 2.5)), torch.zeros(1, 2))
    clip = project(poses.vertices[:1], camera, Intrinsics.from_field_of_view(28.0, SIZE, SIZE))
    fragments = rasterize(clip, sitter.faces, (SIZE, SIZE))
    labels = draw_labels(
        fragments.face[0].numpy(),
        fragments.depth[0].numpy(),
        clip[0].numpy(),
        sitter.faces.int().numpy(),
        compiled_normals(poses.vertices[0].numpy(), sitter.faces.int().numpy()),
        part.numpy(),
        sitter.reference.numpy(),
        (SIZE, SIZE),
    )
    return clip, fragments, labels


def test_part_is_the_nearest_corners_and_reference_stays_within_it(sitter: Sitter, poses: Poses) -> None:
    # Parts that change from vertex to vertex: most faces are borders.
    part = torch.randint(0, len(PARTS), sitter.part.shape, generator=torch.Generator().manual_seed(1))
    clip, fragments, labels = _view(sitter, poses, 60.0, part)
    weights = barycentrics_torch(fragments, clip, sitter.faces)[0].clamp_min(0)
    seen = fragments.face[0] >= 0
    corners = sitter.faces[fragments.face[0].clamp_min(0).long()]
    chosen = part[corners.gather(2, weights.argmax(2, keepdim=True))[..., 0]]
    assert labels.part is not None
    assert labels.reference is not None
    kinds = torch.tensor([PART_KINDS.index(name.split("left_")[-1].split("right_")[-1]) for name in PARTS])
    expected = torch.where(seen, kinds[chosen], NONE)
    # Where two corners are equally near either may win.
    tied = weights.topk(2, dim=2).values.diff(dim=2)[..., 0].abs() < 1e-4
    assert torch.equal(torch.tensor(labels.part).long()[~tied], expected[~tied])
    same = weights * (part[corners] == chosen[..., None])
    same = same / same.sum(2, keepdim=True)
    reference = (sitter.reference[corners] * same[..., None]).sum(2)
    found = torch.tensor(labels.reference.astype(np.float32))
    assert float((found - reference)[seen & ~tied].abs().max()) < 2e-3
    assert float(found[~seen].abs().max()) == 0
    plain = (sitter.reference[corners] * weights[..., None]).sum(2)
    assert float((found - plain)[seen].abs().max()) > 0.01


def test_sides_depth_and_normals(sitter: Sitter, poses: Poses) -> None:
    _, fragments, labels = _view(sitter, poses, 90.0, sitter.part)
    assert labels.part is not None
    assert labels.side is not None
    assert labels.reference is not None
    # From its left one sees left legs in front; of the right ones at most a little.
    legs = np.isin(labels.part, [PART_KINDS.index("front_lower"), PART_KINDS.index("hind_lower")])
    assert (labels.side[legs] == LEFT).mean() > 0.6
    trunk = labels.part == PART_KINDS.index("trunk_middle")
    assert (labels.side[trunk] == LEFT).mean() > 0.5
    assert (labels.side[trunk] == RIGHT).mean() < 0.2
    assert ((labels.side == NONE) == (labels.part == NONE)).all()
    x = labels.reference[..., 0].astype(np.float32)
    middle = trunk & (labels.side == MIDDLE)
    assert np.abs(x[middle]).max(initial=0) < 0.041
    assert np.array_equal(labels.depth, fragments.depth[0].numpy())
    exact = vertex_normals(poses.vertices[0], sitter.faces)
    towards = labels.normal[trunk & (labels.side == LEFT)].astype(np.float32).mean(0)
    assert towards[0] > 60
    assert np.allclose(np.linalg.norm(labels.normal[trunk].astype(np.float32), axis=1), 127, atol=1.5)
    assert np.allclose(
        compiled_normals(poses.vertices[0].numpy(), sitter.faces.int().numpy()), exact.numpy(), atol=1e-5
    )


def test_keypoints_are_hidden_by_body_and_by_things_before_it(sitter: Sitter, poses: Poses) -> None:
    camera = OrbitCamera(*(torch.tensor([v]) for v in (90.0, 5.0, 0.0, 2.5)), torch.zeros(1, 2))
    lens = Intrinsics.from_field_of_view(28.0, SIZE, SIZE)
    depth = rasterize(project(poses.vertices[:1], camera, lens), sitter.faces, (SIZE, SIZE)).depth[0].numpy()
    rotation = camera.rotation()[0].double().numpy()
    centre = -rotation.T @ camera.translation()[0].double().numpy()
    frame = np.stack([*rotation, centre, np.array([float(lens.fx), SIZE / 2, SIZE / 2])])
    mask = (np.isfinite(depth) * 255).astype(np.uint8)
    points = torch.tensor(
        [
            [0.09, -0.2, 0.22],  # inside the near leg
            [-0.09, -0.2, -0.22],  # inside the far one, right behind a near one
            [-0.13, 0.0, 0.0],  # on the far flank
            [0.0, 0.16, 0.4],  # in the head
            [0.0, 0.0, 3.0],  # far out of the frame
        ]
    )
    given = points.numpy(), poses.vertices[0].numpy(), frame, depth
    position, visibility = see_keypoints(*given, mask, mask)
    clip = project(points[None], camera, lens)[0]
    expected = torch.stack([clip[:, 0] / clip[:, 3] + 1, 1 - clip[:, 1] / clip[:, 3]], 1) * SIZE / 2
    assert np.allclose(position, expected.numpy(), atol=1e-2)
    assert visibility.tolist() == [VISIBLE, HIDDEN, HIDDEN, VISIBLE, OUTSIDE]
    covered = mask.copy()
    covered[:, : SIZE // 2] = 0
    _, behind = see_keypoints(*given, covered, mask)
    assert (behind <= visibility).all()
    assert (behind[[0, 3]] == np.where(position[[0, 3], 0] < SIZE // 2, HIDDEN, VISIBLE)).all()
    assert HIDDEN in behind[[0, 3]]
