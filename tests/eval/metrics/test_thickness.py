import numpy as np
import pytest
import trimesh

from zoetrope.eval.metrics.thickness import largest_inscribed_sphere, thickness


def arrays(mesh):
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def ellipsoid(x, y, z, level=3):
    return arrays(trimesh.creation.icosphere(level).apply_scale([x, y, z]))


def plate(depth, angle=0.0):
    mesh = trimesh.creation.box([depth, 1.0, 1.4])
    mesh = mesh.subdivide().subdivide().subdivide()
    return arrays(mesh.apply_transform(trimesh.transformations.rotation_matrix(angle, [0, 1, 0])))


@pytest.mark.parametrize("axes", [(1, 1, 1), (0.3, 0.5, 1.0), (1.0, 0.5, 0.4), (0.05, 0.5, 0.8)])
def test_ellipsoids_score_their_shortest_axis(axes):
    assert thickness(*ellipsoid(*axes)) == pytest.approx(min(axes) / axes[1], rel=0.02)


@pytest.mark.parametrize("depth", [0.3, 0.02, 0.001])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_billboards_are_as_thin_as_they_are_however_turned(depth, angle):
    assert thickness(*plate(depth, angle)) == pytest.approx(depth, rel=0.01)


def test_sphere_sits_in_the_trunk_not_in_the_limbs():
    trunk = trimesh.creation.icosphere(3).apply_scale([0.2, 0.2, 0.5])
    legs = [
        trimesh.creation.cylinder(0.05, 0.6, sections=24).apply_transform(
            trimesh.transformations.translation_matrix([x, -0.3, z])
            @ trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0])
        )
        for x in (-0.1, 0.1)
        for z in (-0.3, 0.3)
    ]
    body = trimesh.boolean.union([trunk, *legs], engine="manifold")
    centre, radius = largest_inscribed_sphere(*arrays(body))
    assert radius == pytest.approx(0.2, rel=0.03)
    assert np.abs(centre).max() < 0.05
    assert thickness(*arrays(body)) == pytest.approx(0.4 / 0.8, rel=0.03)


def test_inside_of_a_tilted_curved_sheet_is_not_mistaken():
    """A thin bowl: a ball in its hollow would be large, but lies outside."""
    outer, inner = trimesh.creation.icosphere(4), trimesh.creation.icosphere(4).apply_scale(0.95)
    inner.invert()
    vertices, faces = arrays(trimesh.util.concatenate([outer, inner]))
    assert thickness(vertices, faces) == pytest.approx(0.025, rel=0.05)


def test_a_fold_through_the_surface_does_not_open_it():
    """A nose pulled through the body and out at the back, inside out there: the ball is still the body's."""
    mesh = trimesh.creation.icosphere(4)
    vertices = np.array(mesh.vertices)
    tip = vertices[:, 2] > 0.9
    vertices[tip, 2] -= 2.4
    centre, radius = largest_inscribed_sphere(vertices, np.asarray(mesh.faces))
    assert np.linalg.norm(centre) < 1
    assert 0.2 < radius < 0.6


def test_scale_and_place_do_not_matter():
    vertices, faces = ellipsoid(0.3, 0.5, 1.0, level=3)
    assert thickness(1000 * vertices + 77, faces) == pytest.approx(thickness(vertices, faces), rel=1e-3)


def test_meshes_without_an_inside_are_refused():
    vertices, faces = ellipsoid(1, 1, 1, level=1)
    with pytest.raises(ValueError, match="not closed"):
        thickness(vertices, faces[1:])
    with pytest.raises(ValueError, match="not closed"):
        thickness(vertices, faces[:0])
    with pytest.raises(ValueError, match="outward"):
        thickness(vertices, faces[:, ::-1])
