"""Motions through files: our own, written and read again, and those of real rigs."""

import io
from pathlib import Path

import numpy as np
import pygltflib as gltf
import pytest
import torch

from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.motion.clip import Clip
from zoetrope.representations.motion.foot_lock import find_contacts, foot_sliding, lock_feet
from zoetrope.representations.motion.library import motion
from zoetrope.representations.motion.retarget import bone_length_drift, direction_error_deg, retarget
from zoetrope.representations.rotation import matrix_from_quaternion
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.gltf_export import write_glb
from zoetrope.scenes.gltf.file import GltfFile
from zoetrope.scenes.gltf.motion import GltfMotions
from zoetrope.scenes.gltf.node import read_nodes
from zoetrope.scenes.motion.motion_file import is_motion_file, load_motion, read_motion

MESHES = Path(__file__).parents[3].parent / "shared" / "assets" / "meshes"
needs_meshes = pytest.mark.skipif(not MESHES.is_dir(), reason="no shared/assets beside the repository")


def _other_proportions(skeleton, seed=5):
    """Bones 0.7 to 1.4 times as long in the directions they had, both sides alike."""
    factor = 0.7 + 0.7 * torch.rand(len(skeleton), generator=torch.Generator().manual_seed(seed))
    factor = (factor + factor[list(skeleton.mirror)]) / 2
    joints, tips = skeleton.joints.clone(), skeleton.tips.clone()
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            joints[joint] = joints[parent] + factor[parent] * (skeleton.joints[joint] - skeleton.joints[parent])
        tips[joint] = joints[joint] + factor[joint] * (skeleton.tips[joint] - skeleton.joints[joint])
    return skeleton.with_rest(joints, tips)


def _blob(skeleton):
    """The least mesh that a skeleton can carry: a ball at every joint."""
    ball, faces = icosphere(0)
    count = len(ball)
    vertices = torch.cat([0.02 * ball + joint for joint in skeleton.joints])
    weights = torch.eye(len(skeleton)).repeat_interleave(count, dim=0)
    triangles = torch.cat([faces + k * count for k in range(len(skeleton))])
    return SkinnedMesh(vertices, triangles, weights, torch.zeros(len(vertices), dtype=torch.int64), vertices.clone())


def _bones(clip, skeleton):
    rotations = clip.rotations.double().clone()
    if clip.root is not None:
        rotations[:, 0] = clip.root.turns.double()
    maps = forward_kinematics(skeleton, rotations, skeleton.joints.double())
    return torch.einsum("tjmn,jn->tjm", maps[..., :3], (skeleton.tips - skeleton.joints).double())


def _angles_deg(a, b):
    a, b = (torch.nn.functional.normalize(x, dim=-1) for x in (a, b))
    return torch.rad2deg(2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)))


def _write_bvh(path, clip, skeleton):
    """A clip as BVH, as a capture studio would: centimetres, the root with six channels, the others with three."""
    rotations = clip.rotations.double().clone()
    shifts = torch.zeros(len(rotations), 3, dtype=torch.float64)
    if clip.root is not None:
        rotations[:, 0], shifts = clip.root.turns.double(), clip.root.shifts.double()
    joints, tips = 180 * skeleton.joints.double(), 180 * skeleton.tips.double()
    children = [[c for c, parent in enumerate(skeleton.parents) if parent == j] for j in range(len(skeleton))]
    text, order = io.StringIO(), []

    def joint(index, depth):
        order.append(index)
        parent = skeleton.parents[index]
        blanks = "\t" * depth
        place = joints[index] - (joints[parent] if parent >= 0 else 0)
        channels = "3 Zrotation Xrotation Yrotation"
        if parent < 0:
            channels = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
        text.write(f"{blanks}{'JOINT' if depth else 'ROOT'} {skeleton.names[index]}\n{blanks}{{\n")
        text.write(f"{blanks}\tOFFSET {' '.join(f'{v:.6f}' for v in place)}\n{blanks}\tCHANNELS {channels}\n")
        for child in children[index]:
            joint(child, depth + 1)
        if not children[index]:
            tip = tips[index] - joints[index]
            text.write(f"{blanks}\tEnd Site\n{blanks}\t{{\n{blanks}\t\tOFFSET {' '.join(f'{v:.6f}' for v in tip)}\n")
            text.write(f"{blanks}\t}}\n")
        text.write(f"{blanks}}}\n")

    text.write("HIERARCHY\n")
    joint(0, 0)
    step = float(clip.times[1])
    text.write(f"MOTION\nFrames: {len(rotations)}\nFrame Time: {step:.8f}\n")
    # R = Rz Rx Ry
    m = matrix_from_quaternion(rotations)
    z = torch.atan2(-m[..., 0, 1], m[..., 1, 1])
    x = torch.asin(m[..., 2, 1].clamp(-1, 1))
    y = torch.atan2(-m[..., 2, 0], m[..., 2, 2])
    angles = torch.rad2deg(torch.stack([z, x, y], dim=-1))
    for frame in range(len(rotations)):
        # Walked off somewhere, as people do: the capture's own ground is at Y = 0.
        place = joints[0] + 180 * shifts[frame] + torch.tensor([40.0, 200.0, -300.0])
        row = [*place.tolist(), *(float(v) for j in order for v in angles[frame, j])]
        text.write(" ".join(f"{v:.6f}" for v in row) + "\n")
    path.write_text(text.getvalue())


@pytest.mark.parametrize(("plan", "names"), [("quadruped", ["trot", "sit"]), ("biped", ["walk"]), ("bird", ["flap"])])
def test_our_clips_come_back_from_a_glb_on_other_proportions(tmp_path, plan, names):
    skeleton = template(plan).skeleton
    clips = [motion(name, skeleton) for name in names]
    path = tmp_path / "ours.glb"
    write_glb(path, _blob(skeleton), skeleton, clips=clips)
    other = _other_proportions(skeleton)
    for clip in clips:
        found = load_motion(f"{path}#{clip.name}", other)
        assert (found.name, found.loop) == (clip.name, True)
        assert found.duration == pytest.approx(clip.duration, abs=1e-3)
        wanted = Clip(clip.name, found.times, clip.sample(found.times), clip.loop, clip.sample_root(found.times))
        assert _angles_deg(_bones(found, other), _bones(wanted, skeleton)).max() < 1
        assert bone_length_drift(found, other) < 1e-3
        same = load_motion(f"{path}#{clip.name}", skeleton)
        off = same.root.shifts - clip.sample_root(same.times).shifts
        assert float((off - off.mean(0)).abs().max()) < 5e-3
        assert float(off.abs().amax()) < 0.02


@pytest.mark.parametrize("name", ["walk", "run"])
def test_our_clips_come_back_from_a_bvh(tmp_path, name):
    skeleton = template("biped").skeleton
    clip = motion(name, skeleton)
    path = tmp_path / f"{name}.bvh"
    _write_bvh(path, clip, skeleton)
    for body in (skeleton, _other_proportions(skeleton)):
        found = load_motion(str(path), body)
        assert found.loop
        sampled, root = clip.sample(found.times), clip.sample_root(found.times)
        wanted = Clip(name, found.times, sampled, clip.loop, root)
        assert _angles_deg(_bones(found, body), _bones(wanted, skeleton)).max() < 0.2
    found = load_motion(str(path), skeleton)
    # Where a file's ground is nobody says; how the body bounces on it is known.
    off = (found.root.shifts - clip.sample_root(found.times).shifts)[:, 1]
    assert float((off - off.mean()).abs().max()) < 1e-3
    assert float(off.abs().max()) < 0.02


def _directions(path, clip_name, times, pairs):
    """Unit vectors between nodes of a glTF file at moments of a clip, straight from its matrices."""
    motions = GltfMotions(path)
    clip = next(clip for clip in motions.clips if clip.name == clip_name)
    world = clip.pose(motions.nodes, times + clip.span[0])[0].world()[..., :3, 3]
    names = motions.nodes.names
    ends = np.array([[names.index(a), names.index(b)] for a, b in pairs])
    return torch.from_numpy(world[:, ends[:, 1]] - world[:, ends[:, 0]])


FOX = {
    "neck": ("b_Neck_04", "b_Head_05"),
    "left_shoulder": ("b_LeftUpperArm_09", "b_LeftForeArm_010"),
    "right_shoulder": ("b_RightUpperArm_06", "b_RightForeArm_07"),
    "left_elbow": ("b_LeftForeArm_010", "b_LeftHand_011"),
    "right_wrist": ("b_RightForeArm_07", "b_RightHand_08"),
    "left_hip": ("b_LeftLeg01_015", "b_LeftLeg02_016"),
    "right_hip": ("b_RightLeg01_019", "b_RightLeg02_020"),
    "left_knee": ("b_LeftLeg02_016", "b_LeftFoot01_017"),
    "right_knee": ("b_RightLeg02_020", "b_RightFoot01_021"),
    "left_hock": ("b_LeftFoot01_017", "b_LeftFoot02_018"),
    "right_hock": ("b_RightFoot01_021", "b_RightFoot02_022"),
}


@needs_meshes
@pytest.mark.parametrize("clip_name", ["Walk", "Run"])
def test_the_fox_walks_on_our_skeletons_as_on_its_own(clip_name):
    path = MESHES / "khronos_fox" / "Fox.glb"
    for skeleton in (template("quadruped").skeleton, _other_proportions(template("quadruped").skeleton)):
        clip = load_motion(f"{path}#{clip_name}", skeleton)
        assert clip.loop
        wanted = _directions(path, clip_name, clip.times.double().numpy(), FOX.values())
        bones = _bones(clip, skeleton)[:, [skeleton.index(joint) for joint in FOX]]
        assert _angles_deg(bones, wanted).max() < 0.5
        rig = read_motion(f"{path}#{clip_name}")
        errors = direction_error_deg(clip, skeleton, rig)
        assert {"spine", "chest", "tail_1", *FOX} <= set(errors)
        assert max(float(error.max()) for error in errors.values()) < 0.5
        assert bone_length_drift(clip, skeleton) < 1e-3


@needs_meshes
@pytest.mark.parametrize(
    ("file", "clip_name", "plan"),
    [
        ("khronos_fox/Fox.glb", "Walk", "quadruped"),
        ("quaternius_animals/Horse.glb", "Walk", "quadruped"),
        ("mesh2motion_bird/bird-animations.glb", "Walk", "bird"),
    ],
)
def test_locked_feet_slide_clearly_less(file, clip_name, plan):
    skeleton = template(plan).skeleton
    clip = load_motion(f"{MESHES / file}#{clip_name}", skeleton)
    contacts = find_contacts(clip, skeleton)
    assert float(contacts.standing.double().mean()) > 0.15
    before, locked = foot_sliding(clip, skeleton, contacts), lock_feet(clip, skeleton)
    assert before > 0.01
    assert foot_sliding(locked, skeleton, contacts) < 0.3 * before
    assert bone_length_drift(locked, skeleton) < 1e-3
    held = load_motion(f"{MESHES / file}#{clip_name}", skeleton, hold_feet=True)
    torch.testing.assert_close(held.rotations, locked.rotations)


PEOPLE = {
    "mesh2motion_male/human-male.glb": "upperarm lowerarm hand thigh calf foot",
    "quaternius_people/men_Casual.glb": "UpperArm LowerArm Hand UpperLeg LowerLeg Foot",
}


@needs_meshes
@pytest.mark.parametrize("file", PEOPLE)
def test_people_in_a_t_pose_move_ours(tmp_path, file):
    """The rigs come without clips: knees, arms and the whole body are turned by one that is written here."""
    words = PEOPLE[file].split()
    source = gltf.GLTF2().load(str(MESHES / file))
    nodes = read_nodes(GltfFile(MESHES / file))
    form = "{}_{}" if "mesh2motion" in file else "{}.{}"
    case = str.lower if "mesh2motion" in file else str.upper
    moved = {form.format(word, case("L")): 0.5 + 0.1 * k for k, word in enumerate(words)}
    moved |= {form.format(word, case("R")): -0.3 - 0.1 * k for k, word in enumerate(words)}
    times = np.linspace(0, 1, 13).astype(np.float32)
    blob = source.binary_blob()
    animation = gltf.Animation(name="Armature|Move")

    def add(values, kind):
        nonlocal blob
        blob += bytes(-len(blob) % 4)
        source.bufferViews.append(gltf.BufferView(buffer=0, byteOffset=len(blob), byteLength=values.nbytes))
        blob += values.tobytes()
        view = len(source.bufferViews) - 1
        entry = gltf.Accessor(bufferView=view, componentType=gltf.FLOAT, count=len(values), type=kind)
        if kind == gltf.SCALAR:
            entry.min, entry.max = [float(values.min())], [float(values.max())]
        source.accessors.append(entry)
        return len(source.accessors) - 1

    clock = add(times, gltf.SCALAR)
    for name, most in moved.items():
        node = nodes.names.index(name)
        half = 0.5 * most * np.sin(np.pi * times)
        turn = np.stack([np.sin(half), 0 * half, 0.4 * np.sin(half), np.cos(half)], -1)
        turn /= np.linalg.norm(turn, axis=-1, keepdims=True)
        x1, y1, z1, w1 = nodes.rotation[0, node]
        x2, y2, z2, w2 = turn.T
        combined = np.stack([
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2, w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2, w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2], -1)  # fmt: skip
        sampler = len(animation.samplers)
        animation.samplers.append(
            gltf.AnimationSampler(input=clock, output=add(combined.astype(np.float32), gltf.VEC4))
        )
        target = gltf.AnimationChannelTarget(node=node, path="rotation")
        animation.channels.append(gltf.AnimationChannel(sampler=sampler, target=target))
    source.animations = [animation]
    source.buffers[0].byteLength = len(blob)
    source.set_binary_blob(blob)
    path = tmp_path / "moving.glb"
    source.save(str(path))
    skeleton = _other_proportions(template("biped").skeleton)
    clip = load_motion(f"{path}#Move", skeleton)
    assert clip.name == "move"
    pairs, ours = [], []
    for side, mark in (("left", case("L")), ("right", case("R"))):
        for k, joint in ((0, "UpperArm"), (1, "LowerArm"), (3, "UpperLeg"), (4, "LowerLeg")):
            pairs.append((form.format(words[k], mark), form.format(words[k + 1], mark)))
            ours.append(skeleton.index(f"{side}{joint}"))
    wanted = _directions(path, "Armature|Move", clip.times.double().numpy(), pairs)
    assert _angles_deg(wanted, wanted[:1]).max() > 20
    assert _angles_deg(_bones(clip, skeleton)[:, ours], wanted).max() < 1


@needs_meshes
def test_clips_are_named_as_people_would():
    skeleton = template("quadruped").skeleton
    horse = MESHES / "quaternius_animals" / "Horse.glb"
    full, short = (load_motion(f"{horse}#{name}", skeleton) for name in ("AnimalArmature|Walk", "walk"))
    torch.testing.assert_close(full.rotations, short.rotations)
    with pytest.raises(InputError, match=r"no clip 'Fly'.*AnimalArmature\|Eating"):
        load_motion(f"{horse}#Fly", skeleton)
    with pytest.raises(InputError, match=r"3 clips; name one as Fox\.glb#CLIP: it has Survey, Walk, Run"):
        load_motion(str(MESHES / "khronos_fox" / "Fox.glb"), skeleton)


def test_what_cannot_be_read_is_said_in_one_line(tmp_path):
    skeleton = template("biped").skeleton
    broken, plain = tmp_path / "broken.glb", tmp_path / "walk.mp4"
    broken.write_bytes(b"glTF\x02\x00\x00\x00nonsense")
    still, strange = tmp_path / "still.glb", tmp_path / "strange.bvh"
    write_glb(still, _blob(skeleton), skeleton)
    _write_bvh(strange, motion("walk", skeleton), skeleton)
    strange.write_text(strange.read_text().replace("left", "bone_a").replace("right", "bone_b"))
    for text, message in {
        f"{tmp_path}/none.bvh": "cannot be read",
        f"{tmp_path}/none.glb#Walk": "cannot be read",
        f"{broken}#Walk": "broken.glb",
        str(plain): "holds no motion",
        str(still): "has 0 clips.*it has none",
        f"{still}#walk": "no clip 'walk'; it has none",
        f"{strange}#run": "one motion; leave out #run",
        str(strange): "names that are known",
    }.items():
        with pytest.raises(InputError, match=message) as caught:
            load_motion(text, skeleton)
        assert "\n" not in str(caught.value)


def test_a_file_of_nodes_and_clips_alone_is_read(tmp_path):
    """Animation libraries come without meshes; the pose that they open in is their rest."""
    skeleton = template("biped").skeleton
    clip = motion("walk", skeleton)
    path = tmp_path / "whole.glb"
    write_glb(path, _blob(skeleton), skeleton, clips=[clip])
    file = gltf.GLTF2().load(str(path))
    del file.nodes[-1]
    file.scenes[0].nodes = [0]
    file.meshes, file.skins, file.materials = [], [], []
    bare = tmp_path / "bare.glb"
    file.save(str(bare))
    whole, found = (load_motion(str(one), skeleton) for one in (path, bare))
    torch.testing.assert_close(found.rotations, whole.rotations, atol=1e-5, rtol=0)


def test_a_rig_that_looks_elsewhere_is_turned(tmp_path):
    skeleton = template("quadruped").skeleton
    path = tmp_path / "aside.glb"
    write_glb(path, _blob(skeleton), skeleton, clips=[motion("walk", skeleton)])
    straight = load_motion(str(path), skeleton)
    file = gltf.GLTF2().load(str(path))
    file.nodes.append(gltf.Node(name="World", children=[0], rotation=[0.0, 0.70710678, 0.0, 0.70710678]))
    file.scenes[0].nodes = [len(file.nodes) - 1, *file.scenes[0].nodes[1:]]
    file.save(str(path))
    rig = read_motion(str(path))
    nose = rig.rest[rig.names.index("muzzle")] - rig.rest[rig.names.index("hips")]
    assert float(nose[2]) > 0.5
    torch.testing.assert_close(retarget(rig, skeleton).rotations, straight.rotations, atol=1e-4, rtol=0)


def test_names_of_motions_are_told_from_files():
    for name in ("a/Fox.glb#Walk", "b.BVH", "odd#name/x.gltf"):
        assert is_motion_file(name)
    for name in ("walk", "interpolate"):
        assert not is_motion_file(name)
