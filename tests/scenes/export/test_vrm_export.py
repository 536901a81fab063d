"""VRM files by the letter of their specification: bones, T-pose, and poses that look as they did before it."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from zoetrope.representations.atlas import unwrap
from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.body.template import template
from zoetrope.representations.motion.library import motion
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.gltf_export import limit_influences
from zoetrope.scenes.export.t_pose import stand_in_t_pose
from zoetrope.scenes.export.vrm_export import REQUIRED_BONES, human_bones, write_vrm, write_vrma
from zoetrope.scenes.export.write_subject import export_subject
from zoetrope.scenes.gltf.file import GltfFile
from zoetrope.scenes.gltf.subject import load_gltf
from zoetrope.scenes.gltf.vrm import read_humanoid
from zoetrope.scenes.preview.animation import posed_vertices
from zoetrope.scenes.subject import Subject


@pytest.fixture(scope="module")
def person():
    """The body of the biped template in its A-pose, feet turned outward, with a walk."""
    body = PartSurfaces(template("biped"), 1, level=2)
    mesh, skeleton = body.shared(), body.skeleton()
    skeleton = skeleton.with_rest(skeleton.joints.detach(), skeleton.tips.detach())
    mesh = replace(mesh, vertices=mesh.vertices.detach(), weights=limit_influences(mesh.weights))
    atlas = unwrap(mesh.vertices, mesh.faces, resolution=256)
    texture = torch.randint(0, 256, (16, 16, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    mesh = replace(mesh, uv=atlas.uv, uv_faces=atlas.uv_faces)
    return Subject(mesh, skeleton, texture, (motion("walk", skeleton),))


class _Vrm:
    """A GLB read with nothing but the specification."""

    def __init__(self, path):
        content = path.read_bytes()
        length = struct.unpack_from("<I", content, 12)[0]
        self.json = json.loads(content[20 : 20 + length])
        self.binary = content[28 + length :]
        self.nodes = self.json["nodes"]

    def read(self, index):
        entry = self.json["accessors"][index]
        view = self.json["bufferViews"][entry["bufferView"]]
        kind = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}[entry["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[entry["type"]]
        values = np.frombuffer(self.binary, kind, entry["count"] * width, view["byteOffset"])
        return values.reshape(-1, width)

    def world(self, rotations=None, hips=None):
        """Places (N, 4, 4) of all nodes; `rotations` (x, y, z, w) by node replace their own, `hips` node 0's place."""
        places = {}

        def visit(index, above):
            node = self.nodes[index]
            x, y, z, w = (rotations or {}).get(index, node.get("rotation", (0, 0, 0, 1)))
            local = np.eye(4)
            local[:3, :3] = [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
            local[:3, 3] = hips if hips is not None and index == 0 else node.get("translation", (0, 0, 0))
            places[index] = above @ local
            for child in node.get("children", ()):
                visit(child, places[index])

        for root in self.json["scenes"][self.json["scene"]]["nodes"]:
            visit(root, np.eye(4))
        return np.stack([places[index] for index in range(len(self.nodes))])

    def vertices(self, rotations=None, hips=None):
        attributes = self.json["meshes"][0]["primitives"][0]["attributes"]
        entry = self.json["skins"][0]
        inverse = self.read(entry["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
        maps = self.world(rotations, hips)[entry["joints"]] @ inverse
        points, joints, weights = (self.read(attributes[n]) for n in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
        blended = np.einsum("vk,vkmn->vmn", weights.astype(np.float64), maps[joints])
        return np.einsum("vmn,vn->vm", blended[:, :3, :3], points) + blended[:, :3, 3]

    def humanoid(self, extension):
        bones = self.json["extensions"][extension]["humanoid"]["humanBones"]
        return {name: bone["node"] for name, bone in bones.items()}


@pytest.fixture(scope="module")
def written(person, tmp_path_factory):
    path = tmp_path_factory.mktemp("vrm") / "person.vrm"
    export_subject(person, path)
    return path


def test_the_bones_are_named_and_the_licence_allows_nothing(person, written):
    file = _Vrm(written)
    assert file.json["extensionsUsed"] == ["VRMC_vrm"]
    assert "animations" not in file.json
    extension = file.json["extensions"]["VRMC_vrm"]
    assert extension["specVersion"] == "1.0"
    bones = file.humanoid("VRMC_vrm")
    assert set(REQUIRED_BONES) <= set(bones)
    assert {name: file.nodes[node]["name"] for name, node in bones.items()} == {name: name for name in bones}
    assert len(bones) == len(person.skeleton)
    meta = extension["meta"]
    assert meta["licenseUrl"] == "https://vrm.dev/licenses/1.0/"
    assert (meta["name"], meta["authors"]) == ("subject", ["unknown"])
    assert (meta["avatarPermission"], meta["commercialUsage"]) == ("onlyAuthor", "personalNonProfit")
    assert (meta["modification"], meta["creditNotation"]) == ("prohibited", "required")
    assert [value for key, value in meta.items() if key.startswith("allow")] == [False] * 5


def test_it_rests_in_a_t_pose_on_the_ground(person, written):
    file = _Vrm(written)
    bones, world = file.humanoid("VRMC_vrm"), file.world()
    place = {name: world[node, :3, 3] for name, node in bones.items()}
    np.testing.assert_allclose(world[:, :3, :3], np.broadcast_to(np.eye(3), (len(world), 3, 3)))
    at_first = dict(zip(person.skeleton.names, person.skeleton.joints.numpy(), strict=True))
    for side, sign in (("left", 1), ("right", -1)):
        arm = [place[f"{side}{bone}"] for bone in ("UpperArm", "LowerArm", "Hand")]
        leg = [place[f"{side}{bone}"] for bone in ("UpperLeg", "LowerLeg", "Foot")]
        for chain, way in ((arm, [sign, 0, 0]), (leg, [0, -1, 0])):
            steps = np.diff(chain, axis=0)
            np.testing.assert_allclose(steps / np.linalg.norm(steps, axis=1, keepdims=True), [way, way], atol=1e-5)
        assert abs(at_first[f"{side}Hand"][1] - at_first[f"{side}UpperArm"][1]) > 0.1, "it was no T-pose before"
    assert place["hips"][1] > 0.6
    np.testing.assert_allclose(place["hips"][[0, 2]], 0, atol=1e-6)
    vertices = file.vertices()
    assert vertices[:, 1].min() == pytest.approx(0, abs=1e-5)
    assert vertices[:, 1].max() == pytest.approx(1.6, abs=1e-5)
    # The mesh goes along: fingertips are as high as shoulders, and toes are in front.
    tips = vertices[np.abs(vertices[:, 0]).argsort()[-20:]]
    np.testing.assert_allclose(tips[:, 1], place["leftUpperArm"][1], atol=0.05)
    assert vertices[vertices[:, 1] < 0.05][:, 2].max() > 0.1


def test_feet_point_ahead_and_stay_as_flat_as_they_were(person):
    skeleton = person.skeleton
    standing = stand_in_t_pose(person, 1.6).skeleton
    for name in ("leftFoot", "rightFoot"):
        j = skeleton.index(name)
        before, after = (s.tips[j] - s.joints[j] for s in (skeleton, standing))
        assert abs(before[0]) > 0.01
        assert abs(after[0]) < 1e-6 < after[2]
        slopes = [float(foot[1] / foot.norm()) for foot in (before, after)]
        assert slopes[0] == pytest.approx(slopes[1], abs=1e-5)


def test_every_pose_looks_as_before(person):
    skeleton, mesh = person.skeleton, person.mesh
    standing = stand_in_t_pose(person, 1.6)
    generator = torch.Generator().manual_seed(4)
    wild = quaternion_from_vector(0.6 * torch.randn(5, len(skeleton), 3, generator=generator))
    clip = person.clips[0]
    mixed = replace(clip, times=torch.arange(5.0), rotations=wild, loop=False, root=None)
    turned = stand_in_t_pose(replace(person, clips=(mixed,)), 1.6).clips[0]
    # Between keys too: what is slerped is the same motion.
    times = torch.tensor([0.0, 0.4, 1.7, 2.0, 3.9])
    before = forward_kinematics(skeleton, mixed.sample(times))
    after = forward_kinematics(standing.skeleton, turned.sample(times))
    scale = float((standing.mesh.vertices[1] - standing.mesh.vertices[0]).norm()) / float(
        (mesh.vertices[1] - mesh.vertices[0]).norm()
    )
    origin = skeleton.joints[0]

    def metres(points):
        return (points - origin) * scale + standing.skeleton.joints[0]

    assert scale > 1
    torch.testing.assert_close(
        standing.posed(after), metres(skin(mesh.vertices, mesh.weights, before)), atol=2e-5, rtol=0
    )
    torch.testing.assert_close(
        posed_joints(after, standing.skeleton.joints), metres(posed_joints(before, skeleton.joints)), atol=2e-5, rtol=0
    )


def test_the_animation_moves_the_avatar_as_the_clip_moves_the_subject(person, written):
    file, animation = _Vrm(written), _Vrm(written.with_name("person_walk.vrma"))
    assert animation.json["extensionsUsed"] == ["VRMC_vrm_animation"]
    assert "meshes" not in animation.json
    bones = animation.humanoid("VRMC_vrm_animation")
    assert bones == file.humanoid("VRMC_vrm")
    assert animation.json["extensions"]["VRMC_vrm_animation"]["specVersion"] == "1.0"
    np.testing.assert_allclose(animation.world(), file.world()[: len(bones)], atol=1e-6)
    (entry,) = animation.json["animations"]
    found = [(c["target"], animation.read(entry["samplers"][c["sampler"]]["output"])) for c in entry["channels"]]
    keys = {target["node"]: values for target, values in found if target["path"] == "rotation"}
    ((hips, places),) = ((target["node"], values) for target, values in found if target["path"] == "translation")
    assert hips == bones["hips"] == 0
    clip, mesh, skeleton = person.clips[0], person.mesh, person.skeleton
    np.testing.assert_array_equal(animation.read(entry["samplers"][0]["input"])[:, 0], clip.times.numpy())
    rest, rows = file.vertices({}), None
    for key in (0, len(clip.times) // 3):
        there = file.vertices({node: values[key].astype(np.float64) for node, values in keys.items()}, places[key])
        ours = posed_vertices(mesh, skeleton, clip, clip.times[key][None])[0].numpy()
        # The file doubles vertices along seams; in its bind pose every one lies on one of ours.
        points = file.read(file.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"])
        scale = np.ptp(points[:, 1]) / np.ptp(mesh.vertices[:, 1].numpy())
        shift = points.min(0) - scale * mesh.vertices.numpy().min(0)
        if rows is None:
            distance = np.abs(points[:, None] - (scale * mesh.vertices.numpy() + shift)).max(-1)
            rows = distance.argmin(1)
            assert distance.min(1).max() < 1e-5
        np.testing.assert_allclose(there, scale * ours[rows] + shift, atol=5e-5)
        assert np.abs(there - rest).max() > 0.3, "from the T-pose its arms came down"


def test_our_own_reader_sees_the_humanoid(written):
    humanoid = read_humanoid(GltfFile(written))
    assert humanoid.front == "+z"
    assert set(REQUIRED_BONES) <= set(humanoid.bones.values())
    loaded = load_gltf(written, resolution=64)
    marks = {mark.name for mark in loaded.landmarks}
    assert {"left_elbow", "right_knee"} & marks
    assert len(loaded.sitter().faces) > 100


def test_the_validator_finds_no_fault(written, validate_gltf):
    for path in (written, written.with_name("person_walk.vrma")):
        issues = validate_gltf(path)["issues"]
        # It does not know VRM, and wonders about joints without a mesh.
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
        assert {message["code"] for message in issues["messages"]} <= {"UNSUPPORTED_EXTENSION", "NODE_EMPTY"}


def test_who_is_no_humanoid_is_refused_in_one_line(subject, person, tmp_path):
    mesh, skeleton = subject
    with pytest.raises(
        InputError, match=r"this quadruped has no leftUpperArm, leftLowerArm, .*; export it as glb or usd$"
    ):
        write_vrm(tmp_path / "a.vrm", Subject(mesh, skeleton))
    names = tuple("leftMitten" if name == "leftHand" else name for name in person.skeleton.names)
    with pytest.raises(InputError, match=r"this biped has no leftHand; "):
        human_bones(replace(person.skeleton, names=names))
    swapped = {"neck": "chest", "chest": "neck"}
    names = tuple(swapped.get(name, name) for name in person.skeleton.names)
    with pytest.raises(InputError, match=r"in a VRM chest hangs on spine, here on neck"):
        human_bones(replace(person.skeleton, names=names))
    with pytest.raises(InputError, match=r"no motion 'jump'; it has: walk"):
        write_vrma(tmp_path / "a.vrma", person, "jump")
    assert not list(tmp_path.iterdir())
