"""Pictures of parts: every place has a texel of its own, and photos painted onto them come back as they were."""

import torch

from zoetrope.optimize.texture.backproject import backproject
from zoetrope.representations.atlas import texel_positions
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.rendering.fragment import rasterize
from zoetrope.representations.rendering.interpolate import surface
from zoetrope.representations.surfaces.part_atlas import part_atlas
from zoetrope.representations.surfaces.part_surface import PartSurfaces


def test_no_two_places_share_a_texel() -> None:
    for level in (1, 2, 3):
        sphere, faces = icosphere(level)
        atlas = part_atlas(sphere, faces, 5)
        corners = atlas.uv[atlas.uv_faces].double()
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
        assert bool((area.abs() > 0).all())
        half = len(faces)
        # All faces of a tile turn the same way, so within a disc none is folded over another.
        for part in range(5):
            own = area[part * half : (part + 1) * half]
            assert bool((own.sign() == own.sign()[0]).all())
        # Each keeps within its tile, of which there are 4 in a row.
        tile = (corners.mean(1) * 4).floor()
        inside = corners * 4 - tile[:, None]
        assert 0.03 < float(inside.min()) < float(inside.max()) < 0.97
        assert len(torch.unique(tile, dim=0)) == 10
        # Equal area: on a fine sphere texels are shared out evenly.
        if level == 3:
            solid = torch.linalg.cross(
                sphere[faces[:, 1]] - sphere[faces[:, 0]], sphere[faces[:, 2]] - sphere[faces[:, 0]]
            ).norm(dim=1)
            ratio = area[:half].abs() / solid.double()
            assert float(ratio.std() / ratio.mean()) < 0.05


def test_rows_belong_to_the_vertices_they_say() -> None:
    parts = PartSurfaces(template("quadruped"), 1, level=2)
    atlas, faces = parts.atlas(), parts.shared().faces
    assert torch.equal(atlas.vertex_of_uv[atlas.uv_faces], faces)


def test_parts_are_painted_from_photos() -> None:
    """Coloured parts, photographed from all round and painted back onto their own pictures."""
    size, resolution = 160, 512
    parts = PartSurfaces(template("quadruped"), 1, level=3)
    with torch.no_grad():
        mesh = parts.shared()
        vertices = mesh.vertices.expand(8, -1, 3)
        coat = (0.5 + torch.stack([mesh.vertices[:, 2], mesh.vertices[:, 1], mesh.vertices[:, 0].abs()], 1)).clamp(0, 1)
        azimuth, zero = torch.arange(8) * 45.0, torch.zeros(8)
        camera = OrbitCamera(azimuth, zero + 15, zero, zero + 4, torch.zeros(8, 2))
        lens = Intrinsics.from_field_of_view(20, size, size, 8)
        clip = project(vertices, camera, lens)
        fragments = rasterize(clip, mesh.faces, (size, size))
        photos = surface(coat, mesh.faces, fragments, clip, mesh.faces)
        mask = (fragments.face >= 0).float()
        atlas = parts.atlas()
        painted = backproject(mesh.faces, parts.mirror, atlas, resolution, vertices, camera, lens, photos, mask)
        face, weights = texel_positions(atlas.uv, atlas.uv_faces, resolution)
        truth = (coat[mesh.faces[face.clamp_min(0)]] * weights[..., None]).sum(-2)
        shown = (face >= 0) & (painted.seen > 0.2)
    assert float(shown.sum() / (face >= 0).sum()) > 0.4
    error = (painted.shared - truth).abs()[shown]
    assert float(error.mean()) < 0.02
    assert len(torch.unique(face[shown] // 1280)) == len(parts.skeleton()), "every part has a picture"
