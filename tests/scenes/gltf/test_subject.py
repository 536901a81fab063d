"""Small glTF files with one feature each and a known answer, and our own files read back."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.representations.atlas import texel_positions
from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.motion.clip import Clip
from zoetrope.representations.rendering.shading import srgb_from_linear
from zoetrope.representations.rendering.topology import Topology
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.gltf_export import limit_influences, write_glb
from zoetrope.scenes.gltf.subject import load_gltf

COMPONENTS = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

# A box of 2 x 1 x 4 with a corner at the origin; quads counter-clockwise seen from outside, four vertices each.
CORNERS = np.array([[x, y, z] for z in (0, 4) for y in (0, 1) for x in (0, 2)], np.float32)
QUADS = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])
BOX = CORNERS[QUADS.reshape(-1)]
BOX_FACES = (4 * np.arange(6)[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)


class _Maker:
    """Builds a .gltf with all its data inside."""

    def __init__(self, *nodes):
        self.blob = bytearray()
        self.json = {
            "asset": {"version": "2.0"},
            "nodes": list(nodes),
            "accessors": [],
            "bufferViews": [],
            "meshes": [],
        }

    def view(self, content):
        self.blob += bytes(-len(self.blob) % 4)
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(content)})
        self.blob += content
        return len(self.json["bufferViews"]) - 1

    def add(self, values, normalized=False):
        values = np.asarray(values)
        values = values.astype(np.float32) if values.dtype == np.float64 else values
        width = values[0].size
        entry = {
            "bufferView": self.view(np.ascontiguousarray(values).tobytes()),
            "componentType": COMPONENTS[values.dtype.name],
            "count": len(values),
            "type": KINDS[width],
        }
        self.json["accessors"].append({**entry, "normalized": True} if normalized else entry)
        return len(self.json["accessors"]) - 1

    def mesh(self, vertices=BOX, faces=BOX_FACES, targets=(), **attributes):
        primitive = {"attributes": {"POSITION": self.add(np.asarray(vertices, np.float32))}}
        for name, values in attributes.items():
            if name in ("mode", "material"):
                primitive[name] = values
            else:
                primitive["attributes"][name] = values if isinstance(values, int) else self.add(values)
        if faces is not None:
            primitive["indices"] = self.add(np.asarray(faces, np.uint16).reshape(-1))
        if targets:
            primitive["targets"] = [{"POSITION": self.add(np.asarray(t, np.float32))} for t in targets]
        self.json["meshes"].append({"primitives": [primitive]})
        return len(self.json["meshes"]) - 1

    def picture(self, pixels, sampler=None, **info):
        """A texture of these pixels; gives what a material says of it."""
        encoded = io.BytesIO()
        Image.fromarray(np.asarray(pixels, np.uint8)).save(encoded, format="PNG")
        for name in ("images", "textures", "samplers"):
            self.json.setdefault(name, [])
        self.json["images"].append({"bufferView": self.view(encoded.getvalue()), "mimeType": "image/png"})
        self.json["samplers"].append({"magFilter": 9728} if sampler is None else sampler)
        number = len(self.json["images"]) - 1
        self.json["textures"].append({"source": number, "sampler": number})
        return {"index": number, **info}

    def clip(self, name, node, path, times, values, interpolation="LINEAR"):
        sampler = {"input": self.add(np.array(times, np.float32)), "output": self.add(np.array(values, np.float32))}
        target = {"node": node, "path": path}
        self.json.setdefault("animations", []).append(
            {
                "name": name,
                "channels": [{"sampler": 0, "target": target}],
                "samplers": [{**sampler, "interpolation": interpolation}],
            }
        )

    def load(self, path, **options):
        uri = "data:application/octet-stream;base64," + base64.b64encode(bytes(self.blob)).decode()
        self.json["buffers"] = [{"uri": uri, "byteLength": len(self.blob)}]
        path.write_text(json.dumps(self.json))
        return load_gltf(path, **{"resolution": 64, **options})


@pytest.fixture
def gltf(tmp_path):
    return tmp_path / "thing.gltf"


def _volume(vertices, faces):
    a, b, c = (vertices[faces[:, k]].double() for k in range(3))
    return float((torch.linalg.cross(a, b) * c).sum() / 6)


def _colours(subject):
    """What the texture shows at the middle of each face, in [0, 255]."""
    body = subject.sitter()
    middle = body.uv[body.uv_faces].mean(1)
    size = body.texture.shape[0]
    column, row = (middle * size).long().clamp(0, size - 1).unbind(1)
    return body.texture[row, column].numpy()


def _bounds(points):
    return points.amin(0).tolist(), points.amax(0).tolist()


def test_a_box_is_welded_closed_centred_and_scaled(gltf):
    maker = _Maker({"mesh": 0})
    maker.mesh()
    subject = maker.load(gltf)
    body = subject.sitter()
    assert body.vertices.shape == (8, 3)
    assert Topology.of(body.faces).closed
    assert _bounds(body.vertices) == ([-0.25, -0.125, -0.5], [0.25, 0.125, 0.5])
    assert _volume(body.vertices, body.faces) == pytest.approx(0.5 * 0.25 * 1.0)
    # In the order of their first appearance in the file.
    first = list(dict.fromkeys(map(tuple, BOX.tolist())))
    np.testing.assert_allclose(body.vertices.numpy(), (np.array(first) - [1, 0.5, 2]) / 4, atol=1e-7)
    assert subject.clip_names == ()
    rest = subject.poses(3, torch.Generator().manual_seed(0))
    assert rest.names == ("rest",) * 3
    assert torch.equal(rest.vertices[2], body.vertices)


@pytest.mark.parametrize(
    ("front", "axis"), [("+z", (0, 0, 1)), ("-z", (0, 0, -1)), ("+x", (1, 0, 0)), ("-x", (-1, 0, 0))]
)
def test_the_front_is_brought_to_z(gltf, front, axis):
    maker = _Maker({"mesh": 0})
    axis = np.array(axis, float)
    # A long triangle with its tip in front and one corner up, one to its left (up x front).
    left = np.cross([0, 1, 0], axis)
    maker.mesh([3 * axis, [0, 1, 0], left, -left], [[0, 1, 2], [0, 3, 1]])
    body = maker.load(gltf, front=front).sitter()
    tip, up, left_corner, right_corner = body.vertices
    assert tip[2] == pytest.approx(0.5)
    assert up[1] == body.vertices[:, 1].max()
    assert left_corner[0] > 0 > right_corner[0]


def test_nodes_stack_and_mirrors_do_not_turn_inside_out(gltf):
    turn = np.eye(4)
    turn[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    turn[:3, 3] = [5, 6, 7]
    maker = _Maker(
        {"matrix": turn.T.reshape(-1).tolist(), "children": [1, 2]},
        {"mesh": 0, "translation": [0, 10, 0], "scale": [-1, 2, 1]},
        {"mesh": 0, "rotation": [0, 0, 2**-0.5, 2**-0.5]},
    )
    maker.mesh()
    subject = maker.load(gltf)
    body = subject.sitter()
    upper = np.array(BOX) * [-1, 2, 1] + [0, 10, 0]
    lower = np.stack([-BOX[:, 1], BOX[:, 0], BOX[:, 2]], 1)
    scene = np.concatenate([upper, lower]) @ turn[:3, :3].T
    low, high = scene.min(0), scene.max(0)
    expected = (scene - (low + high) / 2) / (high - low).max()
    assert len(body.vertices) == 16
    found = body.vertices.double()
    assert float(torch.cdist(torch.tensor(expected), found).amin(1).max()) < 1e-6
    assert Topology.of(body.faces).closed
    boxes = [body.faces[:12], body.faces[12:]]
    assert all(_volume(body.vertices, box) > 0 for box in boxes)


@pytest.mark.parametrize(("mode", "order"), [(5, [0, 1, 2, 3, 4]), (6, [0, 1, 3, 2]), (4, [0, 1, 2, 2, 1, 3])])
@pytest.mark.parametrize("indexed", [True, False])
def test_strips_and_fans_face_one_way(gltf, mode, order, indexed):
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0]], np.float32)
    maker = _Maker({"mesh": 0})
    maker.mesh(points if indexed else points[order], np.array(order) if indexed else None, mode=mode)
    body = maker.load(gltf).sitter()
    assert len(body.faces) == (3 if mode == 5 else 2)
    normals = torch.linalg.cross(*(body.vertices[body.faces[:, k]] - body.vertices[body.faces[:, 0]] for k in (1, 2)))
    assert (normals[:, 2] > 0).all()


def test_points_and_lines_alone_are_no_subject(gltf):
    maker = _Maker({"mesh": 0})
    maker.mesh(mode=1)
    with pytest.raises(InputError, match="no triangles"):
        maker.load(gltf)


def _rod(maker, weights, joints, **more):
    """A square rod along Y, five rings of four vertices."""
    rings = np.repeat(np.arange(5), 4)
    around = np.tile([[0.2, 0.2], [0.2, -0.2], [-0.2, -0.2], [-0.2, 0.2]], (5, 1))
    vertices = np.stack([around[:, 0], rings, around[:, 1]], 1)
    faces = []
    for ring in range(4):
        for side in range(4):
            a, b = 4 * ring + side, 4 * ring + (side + 1) % 4
            faces += [[a, b, a + 4], [b, b + 4, a + 4]]
    maker.mesh(vertices, faces, JOINTS_0=maker.add(joints[:, :4]), WEIGHTS_0=weights(vertices), **more)
    return vertices


@pytest.mark.parametrize("storage", ["float32", "uint8", "uint16"])
def test_a_skin_bends_a_rod(gltf, storage):
    """Joint 1 rests at height 2, turned by 90 degrees about Y, and the whole hangs on a node that does not count."""
    half = 2**-0.5
    maker = _Maker(
        {"mesh": 0, "skin": 0, "translation": [50, 50, 50]},
        {"name": "hips", "children": [2]},
        {"translation": [0, 2, 0], "rotation": [0, half, 0, half]},
    )
    inverse = np.eye(4)
    inverse[:3, :3] = [[0, 0, -1], [0, 1, 0], [1, 0, 0]]
    inverse[:3, 3] = [0, -2, 0]
    matrices = np.stack([np.eye(4), inverse]).transpose(0, 2, 1).reshape(2, 16)
    maker.json["skins"] = [{"joints": [1, 2], "inverseBindMatrices": maker.add(matrices)}]

    def weights(vertices):
        share = np.clip(vertices[:, 1] - 1.5, 0, 1)
        values = np.stack([1 - share, share, 0 * share, 0 * share], 1)
        whole = {"float32": 1, "uint8": 255, "uint16": 65535}[storage]
        return maker.add(np.round(values * whole).astype(storage) if whole > 1 else values, normalized=whole > 1)

    vertices = _rod(maker, weights, np.tile(np.array([[0, 1, 0, 0]], np.uint8), (20, 1)))
    # About its own X, which is the scene's -Z at rest.
    maker.clip("bend", 2, "rotation", [0, 1], [[0, half, 0, half], [0.5, 0.5, -0.5, 0.5]])
    subject = maker.load(gltf)
    rest, bent = subject.pose("bend", torch.tensor([0.0, 1.0])).vertices.numpy().astype(np.float64)
    np.testing.assert_allclose(rest, (vertices - [0, 2, 0]) / 4, atol=1e-6)
    np.testing.assert_allclose(rest, subject.sitter().vertices.numpy(), atol=1e-6)
    expected = vertices - [0, 2, 0]
    turned = np.stack([expected[:, 1], -expected[:, 0], expected[:, 2]], 1)
    share = np.clip(vertices[:, 1:2] - 1.5, 0, 1)
    tolerance = 2e-3 if storage == "uint8" else 1e-5
    np.testing.assert_allclose(bent, ((1 - share) * expected + share * turned) / 4, atol=tolerance)


def test_eight_influences_count(gltf):
    maker = _Maker({"mesh": 0, "skin": 0}, *({"name": f"j{k}"} for k in range(8)))
    maker.json["nodes"][1]["children"] = list(range(2, 9))
    maker.json["skins"] = [{"joints": list(range(1, 9))}]
    rest = np.full((24, 4), 1 / 8)
    groups = [np.tile(np.arange(k, k + 4, dtype=np.uint8), (24, 1)) for k in (0, 4)]
    maker.mesh(JOINTS_0=groups[0], WEIGHTS_0=rest, JOINTS_1=groups[1], WEIGHTS_1=rest)
    maker.clip("shift", 8, "translation", [0, 1], [[0, 0, 0], [0, 8, 0]])
    subject = maker.load(gltf)
    assert subject.sitter().vertices.shape == (8, 3)
    moved = subject.pose("shift", torch.tensor([1.0])).vertices[0] - subject.sitter().vertices
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.25, 0.0]).expand(8, 3))


def test_unused_joints_may_be_bound_to_nothing(gltf):
    maker = _Maker(
        {"mesh": 0, "skin": 0}, {"name": "hips", "children": [2]}, {"name": "neck", "translation": [0, 1, 0]}
    )
    matrices = np.stack([np.eye(4), np.zeros((4, 4))]).reshape(2, 16)
    maker.json["skins"] = [{"joints": [1, 2], "inverseBindMatrices": maker.add(matrices)}]
    joints, weights = np.zeros((24, 4), np.uint8), np.tile([[1.0, 0, 0, 0]], (24, 1))
    maker.mesh(JOINTS_0=joints, WEIGHTS_0=weights)
    subject = maker.load(gltf)
    assert subject.sitter().keypoint_names == ("neck",)
    torch.testing.assert_close(subject.rest().keypoints[0, 0], torch.tensor([-0.25, 0.125, -0.5]))


def test_vertices_that_move_apart_stay_apart(gltf):
    maker = _Maker({"mesh": 0, "skin": 0}, {"children": [2]}, {})
    maker.json["skins"] = [{"joints": [1, 2]}]
    joints = np.zeros((24, 4), np.uint8)
    joints[:4, 0] = 1  # one side of the box hangs on the other joint
    weights = np.tile([[1.0, 0, 0, 0]], (24, 1))
    maker.mesh(JOINTS_0=joints, WEIGHTS_0=weights)
    assert len(maker.load(gltf).sitter().vertices) == 12
    nearly = weights + np.linspace(0, 0.003, 24)[:, None] * [[-1, 1, 0, 0]]
    again = _Maker({"mesh": 0, "skin": 0}, {"children": [2]}, {})
    again.json["skins"] = [{"joints": [1, 2]}]
    again.mesh(JOINTS_0=np.tile(np.array([[0, 1, 0, 0]], np.uint8), (24, 1)), WEIGHTS_0=nearly)
    assert len(again.load(gltf).sitter().vertices) == 8


def test_morphs_move_and_rest_by_their_weights(gltf):
    maker = _Maker({"mesh": 0})
    grow, lift = BOX * [0, 1, 0], np.where(BOX[:, 2:] > 0, [[0, 1, 0]], 0)
    maker.mesh(targets=[grow, lift])
    maker.json["meshes"][0]["weights"] = [1.0, 0.0]
    maker.clip("breathe", 0, "weights", [0, 1], [1.0, 0.0, 0.0, 1.0])
    subject = maker.load(gltf)
    body = subject.sitter()
    assert float(np.ptp(body.vertices[:, 1].numpy())) == pytest.approx(0.5)  # twice as high at rest
    posed = subject.pose("breathe", torch.tensor([0.0, 0.5, 1.0])).vertices
    torch.testing.assert_close(posed[0], body.vertices)
    front = body.vertices[:, 2] > 0
    torch.testing.assert_close(posed[2, front, 1], (posed[0, front, 1] + 0.25) / 2 + 0.0, atol=1e-6, rtol=0)
    torch.testing.assert_close(posed[1], (posed[0] + posed[2]) / 2, atol=1e-6, rtol=0)


def test_the_root_keeps_its_place_and_heading(gltf):
    """Walking along, turning round and rearing up: only the last shows."""
    maker = _Maker({"name": "scene", "children": [1]}, {"name": "hips", "mesh": 0, "translation": [1, 2, 3]})
    maker.mesh()
    turn, rear = np.radians(140) / 2, np.radians(30) / 2
    yaw = np.array([0, np.sin(turn), 0, np.cos(turn)])
    # Rearing about X first, then turning about Y.
    both = [np.cos(turn) * np.sin(rear), np.sin(turn) * np.cos(rear), -np.sin(turn) * np.sin(rear), 0]
    both[3] = np.cos(turn) * np.cos(rear)
    maker.clip("walk", 1, "translation", [0, 1], [[1, 2, 3], [9, 3, -4]])
    maker.clip("turn", 1, "rotation", [0, 1], [[0, 0, 0, 1], yaw])
    maker.clip("rear", 1, "rotation", [0, 1], [[0, 0, 0, 1], both])
    maker.clip("carry", 0, "translation", [0, 1], [[0, 0, 0], [7, 0, 0]])
    subject = maker.load(gltf)
    rest = subject.sitter().vertices
    for still in ("walk", "turn", "carry"):
        posed = subject.pose(still, torch.tensor([0.3, 1.0])).vertices
        torch.testing.assert_close(posed, rest.expand(2, -1, -1), atol=1e-6, rtol=0)
    reared = subject.pose("rear", torch.tensor([1.0])).vertices[0]
    pivot = torch.tensor([-0.25, -0.125, -0.5])
    c, s = np.cos(2 * rear), np.sin(2 * rear)
    about_x = torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=torch.float32)
    torch.testing.assert_close(reared, (rest - pivot) @ about_x.T + pivot, atol=1e-6, rtol=0)


def test_random_moments_follow_the_seed_and_visit_clips(gltf):
    maker = _Maker({"name": "base", "children": [1]}, {"name": "arm", "mesh": 0}, {"name": "hips", "mesh": 0})
    maker.mesh()
    maker.clip("Armature|Up", 1, "translation", [1, 2], [[0, 0, 0], [0, 40, 0]])
    maker.clip("down", 1, "translation", [0, 3], [[0, 0, 0], [0, -40, 0]])
    subject = maker.load(gltf)
    first, again, other = (subject.poses(16, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(first.vertices, again.vertices)
    assert first.names == again.names
    assert not torch.equal(first.vertices, other.vertices)
    assert set(first.names) == {"up", "down"}
    assert sum(a != b for a, b in zip(first.names, first.names[1:], strict=False)) > 3  # not one clip after the other
    height = first.vertices[:, :8, 1].mean(1) - subject.sitter().vertices[:8, 1].mean()
    for name, lifted in zip(first.names, height.tolist(), strict=True):
        assert 0 < (lifted if name == "up" else -lifted) < 10
    assert height.std() > 1
    with pytest.raises(InputError, match=r"no clip 'fly'; it has Armature\|Up, down"):
        subject.pose("fly", torch.zeros(1))
    with pytest.raises(ValueError, match="0 poses"):
        subject.poses(0, torch.Generator())


def _painted(gltf, material, faces=BOX_FACES, **attributes):
    maker = _Maker({"mesh": 0})
    maker.json["materials"] = [material(maker) if callable(material) else material]
    maker.mesh(faces=faces, material=0, **attributes)
    return maker.load(gltf)


UV = np.tile([[0.0, 0.0], [1, 0], [1, 1], [0, 1]], (6, 1)).astype(np.float32)


def test_factors_are_linear_and_textures_are_encoded(gltf):
    linear = [0.2, 0.5, 0.01]
    encoded = (srgb_from_linear(torch.tensor(linear)) * 255).round().numpy()
    plain = _painted(gltf, {"pbrMetallicRoughness": {"baseColorFactor": [*linear, 1]}})
    assert (_colours(plain) == encoded).all()
    glossy = {"extensions": {"KHR_materials_pbrSpecularGlossiness": {"diffuseFactor": [*linear, 1]}}}
    assert (_colours(_painted(gltf, glossy)) == encoded).all()
    colour = np.full((2, 2, 3), [10, 128, 250])
    textured = _painted(
        gltf, lambda m: {"pbrMetallicRoughness": {"baseColorTexture": m.picture(colour)}}, TEXCOORD_0=UV
    )
    assert (_colours(textured) == [10, 128, 250]).all()
    assert (textured.sitter().texture.numpy() == [10, 128, 250]).all()  # gutters too


def test_vertex_colours_are_linear_and_multiply(gltf):
    values = np.tile(np.array([128, 255, 64, 255], np.uint8), (24, 1))
    maker = _Maker({"mesh": 0})
    maker.json["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": [0.5, 1, 1, 1]}}]
    maker.mesh(material=0, COLOR_0=maker.add(values, normalized=True))
    expected = srgb_from_linear(torch.tensor([128 / 255 / 2, 1, 64 / 255])) * 255
    assert (np.abs(_colours(maker.load(gltf)) - expected.numpy()) <= 0.5).all()


# Red and green above, blue and white below.
QUARTERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]])


def _at(gltf, uv, sampler=None, **info):
    """Colour that a surface with one texture coordinate all over gets."""
    sampler = None if sampler is None else {"magFilter": 9728, **sampler}
    everywhere = np.tile(np.array(uv, np.float32), (24, 1))
    subject = _painted(
        gltf,
        lambda m: {"pbrMetallicRoughness": {"baseColorTexture": m.picture(QUARTERS, sampler, **info)}},
        TEXCOORD_0=everywhere,
    )
    found = np.unique(_colours(subject), axis=0)
    assert len(found) == 1
    return {(255, 0, 0): "red", (0, 255, 0): "green", (0, 0, 255): "blue", (255, 255, 255): "white"}[tuple(found[0])]


@pytest.mark.parametrize(
    ("uv", "wrap", "colour"),
    [
        ((0.2, 0.2), 10497, "red"),
        ((0.8, 0.2), 10497, "green"),
        ((0.2, 0.8), 10497, "blue"),
        ((1.2, -0.2), 10497, "blue"),
        ((-2.2, 3.8), 10497, "white"),
        ((1.2, -0.2), 33071, "green"),
        ((1.2, 1.8), 33648, "green"),
        ((-0.2, 2.2), 33648, "red"),
    ],
)
def test_textures_wrap_as_told(gltf, uv, wrap, colour):
    assert _at(gltf, uv, {"wrapS": wrap, "wrapT": wrap}) == colour


def test_texture_transforms_offset_scale_and_turn(gltf):
    def moved(**values):
        return {"extensions": {"KHR_texture_transform": values}}

    assert _at(gltf, (0.2, 0.2), **moved(offset=[0.5, 0])) == "green"
    assert _at(gltf, (0.8, 0.8), **moved(scale=[0.5, 1])) == "blue"
    # The extension's own example: the lower left quarter, turned clockwise.
    turned = moved(offset=[0, 1], rotation=np.pi / 2, scale=[0.5, 0.5])
    assert {_at(gltf, uv, **turned) for uv in ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))} == {"blue"}
    # And the sense of it: what was to the right of the origin goes up.
    assert _at(gltf, (0.8, 0.2), **moved(offset=[0, 1], rotation=np.pi / 2)) == "red"


def test_overlapping_and_repeating_coordinates_are_laid_flat(gltf):
    """Each side of the box shows the whole picture twice over; the atlas shows it so where each side lies."""
    maker = _Maker({"mesh": 0})
    texture = maker.picture(QUARTERS, {"magFilter": 9728, "minFilter": 9728})
    maker.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": texture}}]
    maker.mesh(material=0, TEXCOORD_0=2 * UV)
    body = maker.load(gltf, resolution=256).sitter()
    face, weights = texel_positions(body.uv, body.uv_faces, 256)
    inside = (face >= 0) & (weights.amin(-1) > 0.05)
    uv = torch.einsum("pc,pcd->pd", weights[inside], torch.tensor(2 * UV[BOX_FACES])[face[inside]])
    column, row = ((uv % 1) * 2).floor().long().clamp(0, 1).unbind(1)
    shown, wanted = body.texture[inside], torch.tensor(QUARTERS)[row, column]
    away = ((uv % 0.5) - 0.25).abs().amax(1) < 0.2  # not at the border of two colours
    assert int(away.sum()) > 5000
    assert torch.equal(shown[away].long(), wanted[away])
    assert body.uv.amin() >= 0
    assert body.uv.amax() <= 1


def test_fine_textures_are_averaged_in_linear_light(gltf):
    checks = np.kron(np.indices((256, 256)).sum(0) % 2, np.ones((2, 2)))[..., None] * [255, 255, 255]
    subject = _painted(
        gltf,
        lambda m: {"pbrMetallicRoughness": {"baseColorTexture": m.picture(checks, {"wrapS": 10497})}},
        TEXCOORD_0=UV,
    )
    grey = float(srgb_from_linear(torch.tensor(0.5))) * 255  # 188, not 128
    assert np.abs(_colours(subject) - grey).max() < 6


def test_several_materials_keep_to_their_faces(gltf):
    maker = _Maker({"mesh": 0})
    colours = [[1, 0, 0, 1], [0, 1, 0, 1]]
    maker.json["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": c}} for c in colours]
    maker.mesh(faces=BOX_FACES[:6], material=0)
    maker.mesh(faces=BOX_FACES[6:10], material=1)
    maker.mesh(faces=BOX_FACES[10:])
    primitives = [mesh["primitives"][0] for mesh in maker.json["meshes"]]
    maker.json["meshes"] = [{"primitives": primitives}]
    subject = maker.load(gltf)
    assert Topology.of(subject.sitter().faces).closed
    np.testing.assert_array_equal(_colours(subject), [[255, 0, 0]] * 6 + [[0, 255, 0]] * 4 + [[255, 255, 255]] * 2)


@pytest.mark.parametrize(
    ("mode", "alpha", "count"),
    [("OPAQUE", 0, 12), ("MASK", 100, 10), ("MASK", 200, 12), ("BLEND", 100, 10), ("BLEND", 200, 12)],
)
def test_what_is_transparent_is_not_there(gltf, mode, alpha, count):
    """Left half of the picture with the given opacity, on one side of the box; the others lie in the right half."""
    pixels = np.full((2, 2, 4), 255)
    pixels[:, 0] = [0, 0, 255, alpha]
    uv = np.full((24, 2), 0.9, np.float32)
    uv[:4] = UV[:4] * 0.3 + 0.1
    subject = _painted(
        gltf,
        lambda m: {"alphaMode": mode, "pbrMetallicRoughness": {"baseColorTexture": m.picture(pixels)}},
        TEXCOORD_0=uv,
    )
    assert len(subject.sitter().faces) == count
    with pytest.raises(InputError, match="transparent all over"):
        _painted(gltf, {"alphaMode": "MASK", "pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 0.4]}})


@pytest.mark.parametrize("turned", [False, True])
def test_paintings_on_cards_are_cut_out(gltf, turned):
    """A disc painted on a card that bends along its middle: what is left is the disc, and bends as the card did."""
    row, column = np.indices((128, 128)) + 0.5
    pixels = np.full((128, 128, 4), 255)
    pixels[..., 3] = np.where(np.hypot(row - 64, column - 64) < 48, 255, 0)
    pixels[pixels[..., 3] == 0, :3] = 0
    maker = _Maker({"mesh": 0, "skin": 0}, {"name": "hips", "children": [2]}, {})
    maker.json["materials"] = [
        {"alphaMode": "MASK", "pbrMetallicRoughness": {"baseColorTexture": maker.picture(pixels)}}
    ]
    maker.json["skins"] = [{"joints": [1, 2]}]
    card = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    share = card[:, :1]
    maker.mesh(
        card,
        [[1, 3, 0], [1, 2, 3]] if turned else [[0, 1, 2], [0, 2, 3]],
        material=0,
        TEXCOORD_0=card[:, :2],
        JOINTS_0=np.tile(np.array([[0, 1, 0, 0]], np.uint8), (4, 1)),
        WEIGHTS_0=np.concatenate([1 - share, share, 0 * share, 0 * share], axis=1),
    )
    maker.clip("bend", 2, "translation", [0, 1], [[0, 0, 0], [0, 0, 1]])
    subject = maker.load(gltf, resolution=256)
    body = subject.sitter()
    # The disc is 0.75 of the card wide, and becomes 1.
    corners = body.vertices[body.faces]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
    assert (area > 0).all()
    assert float(area.sum()) == pytest.approx(np.pi / 4, rel=0.06)
    assert float(body.vertices.norm(dim=1).max()) < 0.56
    assert Topology.of(body.faces).edge_faces.shape[1] == 2
    assert (body.texture[0, 0] == 255).all()  # nothing of the black around it
    bent = subject.pose("bend", torch.tensor([1.0])).vertices[0] - body.vertices
    size = float(bent[:, 2].max() - bent[:, 2].min())
    torch.testing.assert_close(bent[:, 2] - bent[:, 2].mean(), body.vertices[:, 0] - body.vertices[:, 0].mean())
    assert size == pytest.approx(1, abs=0.05)


def test_our_own_files_come_back(subject, tmp_path):
    """What `write_glb` wrote is read, posed and coloured as it was."""
    mesh, skeleton = subject
    turns = 0.3 * torch.randn(12, len(skeleton), 3, generator=torch.Generator().manual_seed(3))
    turns[:, 0] = 0  # the root stays, as in all poses of ours
    turns[-1] = turns[0]
    clip = Clip("wave", torch.linspace(0, 1, 12), quaternion_from_vector(turns))
    ramp = (torch.arange(64) + 0.5) / 64
    texture = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.full((64, 64), 0.25)], dim=-1)
    write_glb(tmp_path / "own.glb", mesh, skeleton, texture=texture, clips=[clip])
    loaded = load_gltf(tmp_path / "own.glb", resolution=512)
    body = loaded.sitter()
    assert len(body.vertices) == len(mesh.vertices)
    assert len(body.faces) == len(mesh.faces)
    low, high = mesh.vertices.amin(0), mesh.vertices.amax(0)
    centre, scale = (low + high) / 2, 1 / (high - low).max()
    row = torch.cdist(body.vertices, (mesh.vertices - centre) * scale).argmin(1)
    assert len(set(row.tolist())) == len(row)
    moments = clip.times[[0, 5, 11]]
    maps = forward_kinematics(skeleton, clip.rotations[[0, 5, 11]])
    ours = (skin(mesh.vertices, limit_influences(mesh.weights), maps) - centre) * scale
    posed = loaded.pose(clip.name, moments)
    torch.testing.assert_close(posed.vertices, ours[:, row], atol=2e-6, rtol=0)
    assert float((posed.vertices - body.vertices).abs().max()) > 0.02
    knee = body.keypoint_names.index("left_back_knee")
    rest = (skeleton.joints[skeleton.index("left_knee")] - centre) * scale
    torch.testing.assert_close(loaded.rest().keypoints[0, knee], rest, atol=1e-6, rtol=0)
    # Colours: red was u and green was v of the old atlas. Faces were not reordered.
    middle = mesh.uv[mesh.uv_faces].mean(1) * 255
    error = np.abs(_colours(loaded)[:, :2] - middle.numpy()).max(1)
    assert np.quantile(error, 0.9) < 8


@pytest.mark.parametrize("version", [0, 1])
def test_vrm_names_its_bones_and_its_front(gltf, version):
    """Nodes with names that say nothing; on the left is what VRM calls left, whichever way the file looks."""
    ahead = -1 if version == 0 else 1
    maker = _Maker({"name": "A", "mesh": 0, "children": [1, 2]}, {"name": "B"}, {"name": "C"})
    for node, side in ((1, 1), (2, -1)):
        maker.json["nodes"][node]["translation"] = [side * ahead, 1, 0]
    maker.mesh()
    bones = {"hips": 0, "leftLowerArm": 1, "rightLowerArm": 2}
    maker.json["extensions"] = {
        "VRM": {"humanoid": {"humanBones": [{"bone": name, "node": node} for name, node in bones.items()]}}
    }
    if version == 1:
        named = {name: {"node": node} for name, node in bones.items()}
        maker.json["extensions"] = {"VRMC_vrm": {"humanoid": {"humanBones": named}}}
    subject = maker.load(gltf)
    points = dict(zip(subject.sitter().keypoint_names, subject.rest().keypoints[0], strict=True))
    assert set(points) == {"left_elbow", "right_elbow"}
    assert points["left_elbow"][0] - points["right_elbow"][0] == pytest.approx(2 / 4)
    turned = maker.load(gltf, front="-z" if version == 1 else "+z")
    assert turned.rest().keypoints[0, 0, 0] < turned.rest().keypoints[0, 1, 0]


def test_keypoints_may_be_named_by_the_caller(gltf):
    maker = _Maker({"name": "hips", "mesh": 0, "children": [1]}, {"name": "thingy", "translation": [2, 1, 4]})
    maker.mesh()
    subject = maker.load(gltf, keypoints={"nose": "thingy"})
    assert subject.sitter().keypoint_names == ("nose",)
    torch.testing.assert_close(subject.rest().keypoints[0, 0], torch.tensor([0.25, 0.125, 0.5]))
    with pytest.raises(InputError, match="no joint 'ear' for keypoint 'left_ear'; it has hips"):
        maker.load(gltf, keypoints={"left_ear": "ear"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda j: j["meshes"][0]["primitives"][0].update(indices=99), "index 99 into accessors is out of range"),
        (lambda j: j["meshes"][0]["primitives"][0].update(material=3), "wants material 3"),
        (lambda j: j["nodes"][0].update(children=[0]), "a node has one parent"),
        (lambda j: j["nodes"][0].update(mesh=7), "index 7 into meshes"),
        (lambda j: j["nodes"][0].update(scale=[0, 0, 0]), "scale it to nothing"),
        (lambda j: j["accessors"][0].update(count=3), "names vertex 23 of 3"),
        (lambda j: j["accessors"][0].update(type="VEC2"), "is VEC2, 3 numbers were expected"),
        (lambda j: j["nodes"][0].update(translation="up"), "is not valid glTF"),
        (lambda j: j["bufferViews"][0].update(byteLength=8), "cut short"),
    ],
)
def test_broken_files_are_refused_in_one_line(gltf, change, message):
    maker = _Maker({"mesh": 0})
    maker.mesh()
    change(maker.json)
    with pytest.raises(InputError, match=message) as caught:
        maker.load(gltf)
    assert "\n" not in str(caught.value)
