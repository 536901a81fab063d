"""Bodies: a watertight mesh per species, individuals pulled from it, a canvas that covers it, a cache that holds it."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from zoetrope.representations.body.chart import PARTS
from zoetrope.scenes.zoo.body import TEXELS, Archetype, make_body
from zoetrope.scenes.zoo.coat import Coat, step, stripes
from zoetrope.scenes.zoo.species import SPECIES, archetype, draw_individual
from zoetrope.scenes.zoo.store import stored_archetype
from zoetrope.scenes.zoo.vary import vary


@pytest.fixture(scope="module")
def fox() -> Archetype:
    return archetype("fox")


def test_the_body_is_one_watertight_skin(fox: Archetype) -> None:
    mesh = fox.united.mesh
    solid = trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False)
    assert solid.is_watertight
    assert fox.united.euler == 2
    assert 9000 < len(mesh.faces) < 15000
    named = {PARTS[k] for k in mesh.part.tolist()}
    assert {"left_ear", "right_ear", "tail_3", "left_front_foot", "right_hind_cannon", "muzzle"} <= named


def test_individuals_are_pulled_without_folds(fox: Archetype) -> None:
    for seed in range(3):
        body = make_body(fox, draw_individual(vary(SPECIES["fox"].shape, np.random.default_rng(seed))))
        low, high = body.mesh.vertices.amin(0), body.mesh.vertices.amax(0)
        assert float((high - low).max()) == pytest.approx(1, abs=1e-5)
        assert torch.allclose((low + high) / 2, torch.zeros(3), atol=1e-5)
        corners = fox.united.mesh.vertices[fox.united.mesh.faces]
        pulled = body.mesh.vertices[body.mesh.faces]

        def normals(triangles: torch.Tensor) -> torch.Tensor:
            cross = torch.linalg.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
            return torch.nn.functional.normalize(cross, dim=1)

        turned = (normals(corners) * normals(pulled)).sum(1)
        assert float((turned < 0).float().mean()) < 0.005
        assert body.eyes is not None
        assert float(body.eyes[0, 0]) > 0 > float(body.eyes[1, 0])


def test_other_pieces_are_refused(fox: Archetype) -> None:
    with pytest.raises(ValueError, match="other pieces"):
        make_body(fox, draw_individual(SPECIES["zebra"].shape))


def test_the_canvas_knows_every_texel_of_the_body(fox: Archetype) -> None:
    canvas = fox.canvas
    count = len(canvas.texel)
    assert 0.2 * TEXELS**2 < count < TEXELS**2
    assert np.allclose(np.linalg.norm(canvas.normal, axis=1), 1, atol=1e-3)
    colours = np.random.default_rng(0).random((count, 3))
    picture = canvas.picture(colours)
    assert picture.shape == (TEXELS, TEXELS, 3)
    assert (picture.reshape(-1, 3)[canvas.texel] == np.rint(colours * 255).astype(np.uint8)).mean() > 0.99
    # Gutters take colours of the body, never a background.
    assert set(map(tuple, picture.reshape(-1, 3)[:500])) <= set(map(tuple, picture.reshape(-1, 3)[canvas.texel]))


def test_a_fox_is_red_above_and_white_below_with_black_feet(fox: Archetype) -> None:
    coat = Coat(fox.canvas, np.random.default_rng(0))
    SPECIES["fox"].coat(coat)
    trunk = coat.parts("trunk_middle") > 0
    above, below = (trunk & (way * fox.canvas.normal[:, 1] > 0.8) for way in (1, -1))
    red, white = coat.colours[above].mean(0), coat.colours[below].mean(0)
    assert red[0] > 1.6 * red[1] > 1.6 * red[2]
    assert white.min() > 0.6
    assert coat.colours[coat.parts("hind_foot") > 0].mean() < 0.3
    eye = coat.near("left_eye", 0.8) > 0.5
    assert eye.sum() > 20
    assert (fox.canvas.position[eye, 0] > 0).any()
    assert (fox.canvas.position[eye, 0] < 0).any()


def test_part_names_are_whole_words(fox: Archetype) -> None:
    coat = Coat(fox.canvas, np.random.default_rng(0))
    assert not (coat.parts("ear") * coat.parts("trunk_rear")).any()
    assert (coat.parts("lower") == np.maximum(coat.parts("front_lower"), coat.parts("hind_lower"))).all()


def test_stripes_take_their_share() -> None:
    phase = np.linspace(0, 50, 100_001)
    for width in (0.2, 0.5, 0.7):
        assert stripes(phase, width, 0.01).mean() == pytest.approx(width, abs=0.01)
    assert step(np.array([-1.0, 1.0]), 0.1).tolist() == [0, 1]


def test_the_cache_gives_back_the_same_body(fox: Archetype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blueprint = draw_individual(SPECIES["fox"].shape)
    first = stored_archetype(blueprint, tmp_path)
    files = list(tmp_path.glob("*.safetensors"))
    assert len(files) == 1
    again = stored_archetype(blueprint, tmp_path)
    other = draw_individual(vary(SPECIES["fox"].shape, np.random.default_rng(5)))
    for one in (again, fox):
        assert torch.equal(make_body(first, other).mesh.vertices, make_body(one, other).mesh.vertices)
        assert torch.equal(first.united.mesh.weights, one.united.mesh.weights)
        assert torch.equal(first.atlas.uv, one.atlas.uv)
    files[0].write_bytes(b"broken")
    monkeypatch.setattr("zoetrope.scenes.zoo.store.make_archetype", lambda _: first)
    assert stored_archetype(blueprint, tmp_path) is first, "made anew"
    assert files[0].stat().st_size > 1000, "and kept"
