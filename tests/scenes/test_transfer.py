"""What subjects give each other: colours by place on the reference body, poses by joint, shapes smoothly."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from zoetrope.representations.atlas import texel_positions, unwrap
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.motion.gait import walk
from zoetrope.scenes.error import InputError
from zoetrope.scenes.subject import Subject
from zoetrope.scenes.transfer import find_places, pose_for, with_shape_of, with_texture_of

TEXELS = 96


def ball(level: int, stretch: tuple[float, float, float], plan: str = "quadruped") -> Subject:
    """An ellipsoid whose place on the reference body is the direction from its middle; grey all over."""
    directions, faces = icosphere(level)
    atlas = unwrap(directions, faces, resolution=TEXELS)
    skeleton = template(plan).skeleton
    weights = torch.zeros(len(directions), len(skeleton))
    weights[:, 0] = 1
    part = torch.zeros(len(directions), dtype=torch.int64)
    vertices = directions * torch.tensor(stretch)
    mesh = SkinnedMesh(vertices, faces, weights, part, directions, atlas.uv, atlas.uv_faces)
    return Subject(mesh, skeleton, torch.full((TEXELS, TEXELS, 3), 128, dtype=torch.uint8), (walk(skeleton),))


def places_of_texels(subject: Subject) -> tuple[Tensor, Tensor]:
    """Which texels lie on the surface, and where on the reference body."""
    mesh = subject.mesh
    assert mesh.uv is not None
    assert mesh.uv_faces is not None
    face, bary = texel_positions(mesh.uv, mesh.uv_faces, TEXELS)
    inside = face >= 0
    return inside, (mesh.reference[mesh.faces[face[inside]]] * bary[inside][..., None]).sum(1)


def test_a_texel_takes_the_colour_of_its_place_on_the_other() -> None:
    source, target = ball(3, (0.3, 0.4, 0.5)), ball(2, (0.5, 0.2, 0.4))
    inside, place = places_of_texels(source)
    painted = torch.zeros(TEXELS, TEXELS, 3)
    painted[inside] = 0.5 + 0.45 * place
    # Gutters are left black: a colour from beyond a seam would show.
    source = replace(source, texture=(255 * painted).round().to(torch.uint8))
    dressed = with_texture_of(target, source)
    assert dressed.texture is not None
    inside, place = places_of_texels(target)
    wanted = 0.5 + 0.45 * torch.nn.functional.normalize(place, dim=1)
    error = (dressed.texture[inside].float() / 255 - wanted).abs()
    assert float(error.mean()) < 0.02
    assert dressed.mesh is target.mesh
    with pytest.raises(InputError, match="gives its texture has none"):
        with_texture_of(target, replace(source, texture=None))
    with pytest.raises(InputError, match="has no texture to be replaced"):
        with_texture_of(replace(target, texture=None), source)


def test_places_are_those_of_the_surface_between_vertices() -> None:
    mesh = ball(1, (1.0, 1.0, 1.0)).mesh
    points = torch.nn.functional.normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    places = find_places(points, mesh)
    found = places.of(mesh.reference, mesh.faces)
    # A coarse ball lies within its own sphere, by a few hundredths.
    assert float((found - points).norm(dim=1).max()) < 0.12
    corners = (mesh.reference[:, None] - points).norm(dim=-1).amin(0)
    assert float((found - points).norm(dim=1).mean()) < 0.4 * float(corners.mean())


def test_shapes_are_mixed_from_one_to_the_other() -> None:
    source, target = ball(3, (0.3, 0.4, 0.5)), ball(2, (0.5, 0.2, 0.4))
    grown = source.skeleton.with_rest(1.5 * source.skeleton.joints, 1.5 * source.skeleton.tips)
    source = replace(source, skeleton=grown)
    whole, half, none = (with_shape_of(target, source, share) for share in (1.0, 0.5, 0.0))
    wanted = target.mesh.reference * torch.tensor([0.3, 0.4, 0.5])
    before = (target.mesh.vertices - wanted).norm(dim=1).mean()
    assert float((whole.mesh.vertices - wanted).norm(dim=1).mean()) < 0.15 * float(before)
    assert torch.allclose(half.mesh.vertices, (target.mesh.vertices + whole.mesh.vertices) / 2, atol=1e-6)
    assert torch.equal(none.mesh.vertices, target.mesh.vertices)
    assert torch.allclose(half.skeleton.joints, 1.25 * target.skeleton.joints)
    assert torch.allclose(whole.skeleton.tips, grown.tips)
    assert half.clips == ()
    with pytest.raises(InputError, match="other joints"):
        with_shape_of(target, ball(1, (1.0, 1.0, 1.0), "biped"), 0.5)


def test_a_pose_goes_over_joint_by_joint() -> None:
    dog, bird = template("quadruped").skeleton, template("bird").skeleton
    pose = torch.nn.functional.normalize(torch.randn(len(dog), 4, generator=torch.Generator().manual_seed(1)), dim=1)
    assert torch.equal(pose_for(pose, dog, dog), pose)
    taken = pose_for(pose, dog, bird)
    assert torch.equal(taken[bird.index("neck")], pose[dog.index("neck")])
    assert taken[bird.index("left_wing_upper")].tolist() == [1.0, 0.0, 0.0, 0.0]
    strange = replace(bird, names=tuple(f"joint {k}" for k in range(len(bird))))
    with pytest.raises(InputError, match="no joints in common"):
        pose_for(pose, dog, strange)
