import pytest
import torch
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from zoetrope.representations.atlas import dilate, texel_positions, unwrap
from zoetrope.representations.geometry.mesh import icosphere

SIZE = 256


@pytest.fixture(scope="module")
def body():
    """A sphere pulled into an egg with a dent, and its atlas."""
    vertices, faces = icosphere(4)
    vertices = vertices * torch.tensor([0.2, 0.3, 0.5])
    dent = torch.exp(-40 * (vertices - torch.tensor([0.0, 0.3, 0.1])).square().sum(-1, keepdim=True))
    vertices = vertices - 0.15 * dent * torch.tensor([0.0, 1.0, 0.0])
    return vertices, faces, unwrap(vertices, faces, resolution=SIZE, padding=3)


def _uv_areas(atlas):
    a, b, c = atlas.uv.double()[atlas.uv_faces].unbind(1)
    ab, ac = b - a, c - a
    return (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]) / 2


def test_each_corner_belongs_to_its_vertex(body):
    vertices, faces, atlas = body
    assert torch.equal(atlas.vertex_of_uv[atlas.uv_faces], faces)
    assert float(atlas.uv.min()) >= 0
    assert float(atlas.uv.max()) <= 1
    assert len(vertices) < len(atlas.uv) < 2 * len(vertices)


def test_charts_are_little_distorted(body):
    vertices, faces, atlas = body
    areas = _uv_areas(atlas).abs()
    a, b, c = vertices.double()[faces].unbind(1)
    scale = areas / torch.linalg.cross(b - a, c - a).norm(dim=-1)
    scale = scale / scale.median()
    assert float(scale.quantile(0.02)) > 0.5
    assert float(scale.quantile(0.98)) < 2.0


def test_charts_do_not_overlap_and_keep_their_distance(body):
    _, _, atlas = body
    face, _ = texel_positions(atlas.uv, atlas.uv_faces, SIZE)
    covered = face >= 0
    # Where charts overlapped, their areas would add up to more than what they cover.
    assert float(_uv_areas(atlas).abs().sum()) == pytest.approx(float(covered.float().mean()), rel=0.01)
    assert float(covered.float().mean()) > 0.3
    corners = atlas.uv_faces.numpy()
    links = coo_matrix(
        ([1.0] * (2 * len(corners)), (corners[:, :2].ravel(order="F"), corners[:, 1:].ravel(order="F"))),
        shape=(len(atlas.uv),) * 2,
    )
    chart_count, chart_of_uv = connected_components(links, directed=False)
    assert chart_count > 1
    chart = torch.from_numpy(chart_of_uv)[atlas.uv_faces[face.clamp_min(0), 0]].masked_fill(~covered, -1).numpy()
    for index in range(chart_count):
        apart = distance_transform_edt(chart != index)
        assert apart[(chart >= 0) & (chart != index)].min() > 3


def test_the_same_mesh_gives_the_same_bits(body):
    vertices, faces, atlas = body
    again = unwrap(vertices, faces, resolution=SIZE, padding=3)
    assert torch.equal(again.uv, atlas.uv)
    assert torch.equal(again.uv_faces, atlas.uv_faces)


def test_texels_lie_where_their_face_and_weights_say(body):
    vertices, faces, atlas = body
    face, weights = texel_positions(atlas.uv, atlas.uv_faces, SIZE)
    row, column = (face >= 0).nonzero().unbind(1)
    found = (atlas.uv[atlas.uv_faces[face[row, column]]] * weights[row, column, :, None]).sum(1)
    centre = torch.stack([column + 0.5, row + 0.5], dim=1) / SIZE
    torch.testing.assert_close(found, centre, atol=1e-5, rtol=0)
    assert float(weights[row, column].min()) > -1e-5
    assert bool((weights[face < 0] == 0).all())
    # Texels spread evenly over the surface: their mean is the area-weighted mean of the body.
    points = (vertices[faces[face[row, column]]] * weights[row, column, :, None]).sum(1)
    a, b, c = vertices[faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=-1, keepdim=True)
    torch.testing.assert_close(points.mean(0), ((a + b + c) / 3 * area).sum(0) / area.sum(), atol=0.01, rtol=0)


def test_dilate_takes_the_nearest_colour_and_passes_gradients():
    texture = torch.zeros(6, 8, 3)
    texture[2, 1] = torch.tensor([1.0, 0.5, 0.0])
    texture[3, 6] = torch.tensor([0.0, 0.5, 1.0])
    covered = texture.sum(-1) > 0
    texture.requires_grad_()
    filled = dilate(texture, covered)
    assert torch.equal(filled[:, :3], texture[2, 1].expand(6, 3, 3))
    assert torch.equal(filled[:, 5:], texture[3, 6].expand(6, 3, 3))
    filled.sum().backward()
    assert float(texture.grad.sum()) == texture.numel()
    assert bool((texture.grad[~covered] == 0).all())


def test_dilate_can_stop_early_and_leaves_an_empty_texture_alone():
    texture = torch.zeros(5, 9, 1)
    texture[:, 4] = 1
    assert dilate(texture, texture[..., 0] > 0, 2)[0, :, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert torch.equal(dilate(texture, torch.zeros(5, 9, dtype=torch.bool)), texture)


def test_meshes_that_cannot_be_unwrapped_are_refused():
    vertices, faces = icosphere(0)
    with pytest.raises(ValueError, match="must be finite"):
        unwrap(vertices * torch.nan, faces)
    with pytest.raises(ValueError, match="0 faces"):
        unwrap(vertices, faces[:0])
    with pytest.raises(ValueError, match="without area"):
        unwrap(torch.zeros_like(vertices), faces)
