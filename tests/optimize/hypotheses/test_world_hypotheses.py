"""Worlds of known cameras compete as wholes; rivals stand where outlines are alike; the right one is found."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zoetrope.optimize.descent import Descent
from zoetrope.optimize.hypotheses.color_consistency import SampledColors
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from zoetrope.optimize.schedule.parameter_groups import parameter_groups
from zoetrope.optimize.schedule.stage import Free, LearningRates, Stage
from zoetrope.optimize.start.known_start import first_known_cameras
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, project, to_pixels
from zoetrope.representations.rendering.vertex_sampling import VertexSamples
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.hypotheses.known_cameras import GivenCameras, KnownCameras, Worlds
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.scene import Scene

JOINTS = len(template("quadruped").skeleton)


def worlds_of(azimuths_deg: list[float], headings_deg: list[float]) -> KnownCameras:
    """Level cameras three units from the middle, every photo in every heading."""
    count, matrices = len(azimuths_deg), np.tile(np.eye(4), (len(azimuths_deg), 1, 1))
    for k, azimuth in enumerate(np.radians(azimuths_deg)):
        turn = np.array([[np.cos(azimuth), 0, np.sin(azimuth)], [0, 1, 0], [-np.sin(azimuth), 0, np.cos(azimuth)]])
        matrices[k, :3, :3], matrices[k, :3, 3] = turn, turn @ [0, 0, 3.0]
    yaw = torch.deg2rad(torch.tensor(headings_deg))
    photo = torch.arange(count).repeat(len(yaw))
    world = torch.arange(len(yaw)).repeat_interleave(count)
    return KnownCameras(GivenCameras.of(matrices, np.eye(4)), photo, world, Worlds.facing(yaw, JOINTS))


def azimuths_deg(hypotheses: KnownCameras) -> list[float]:
    return [round(float(a), 2) % 360 for a in hypotheses.camera().orbit().azimuth_deg.detach()]


def test_worlds_stand_or_fall_by_the_mean_of_their_photos() -> None:
    hypotheses = worlds_of([0, 90], [0, 10, 120])
    loss = torch.tensor([0.1, 0.9, 0.3, 0.3, 0.5, 0.4])
    # The first world has the best photo but the second the least mean; the two are 10 degrees apart.
    assert hypotheses.best(loss, 1).tolist() == [2, 3]
    assert hypotheses.best(loss, 3).tolist() == [2, 3, 4, 5]
    share = hypotheses.responsibilities(loss)
    torch.testing.assert_close(share.reshape(3, 2).sum(0), torch.ones(2))
    assert torch.equal(share[::2], share[1::2])
    assert share[2] > share[4] > share[0]


def test_a_generator_moves_first_headings_a_little() -> None:
    start, mesh = worlds_of([0, 90], [0]), PartSurfaces(template("quadruped"), 2, level=0).shared()
    lens, boxes = Intrinsics.from_field_of_view(30, 64, 64, 2), torch.tensor([[10.0, 20, 54, 50]] * 2)
    generators = (None, torch.Generator().manual_seed(1), torch.Generator().manual_seed(1))
    plain, turned, again = (start.all_round(mesh, lens, boxes, 4, None, one) for one in generators)
    off = torch.rad2deg(turned.yaw - plain.yaw).detach()
    # A tenth of the way to the next one at most.
    assert float(off.abs().max()) <= 9.0
    assert float(off.abs().min()) > 0
    assert len(off.unique()) == 4
    assert torch.equal(turned.yaw, again.yaw)


def test_rivals_of_one_photo_are_those_of_single_photos() -> None:
    hypotheses = worlds_of([65.0], [30.0])
    with torch.no_grad():
        hypotheses.pose.add_(torch.arange(3.0 * JOINTS).reshape(1, JOINTS, 3))
        hypotheses.common_pose.add_(1)
        hypotheses.step.add_(0.1)
    four = hypotheses.mirrored(torch.tensor(template("quadruped").skeleton.mirror))
    assert sorted(four.world.tolist()) == [0, 1, 2, 3]
    seen = dict(zip(four.world.tolist(), azimuths_deg(four), strict=True))
    assert [seen[k] for k in range(4)] == pytest.approx([35, 145, 215, 325], abs=0.1)
    left, right = (template("quadruped").skeleton.index(f"{side}_elbow") for side in ("left", "right"))
    assert torch.equal(four.pose[0], four.pose[1])
    for pose in (four.pose, four.common_pose):
        torch.testing.assert_close(pose[3, left], pose[0, right] * torch.tensor([1.0, -1, -1]))
    assert float(four.step[0].detach().abs().min()) > 0
    assert not bool(four.step[1:].any())


def test_cameras_all_round_are_confronted_with_right_angles() -> None:
    hypotheses = worlds_of([0, 90, 180, 270], [20.0])
    assert bool(hypotheses.mean_azimuth()[1])
    four = hypotheses.mirrored(torch.tensor(template("quadruped").skeleton.mirror))
    turns = torch.rad2deg(four.yaw.detach() - hypotheses.yaw.detach()).round() % 360
    assert sorted(turns.tolist()) == [0, 90, 180, 270]
    assert four.photo.tolist() == [0, 1, 2, 3] * 4
    narrow = worlds_of([40, 80], [20.0])
    azimuth, all_round = narrow.mean_azimuth()
    assert not bool(all_round)
    assert math.degrees(float(azimuth)) == pytest.approx(40, abs=0.01)


def test_colours_are_compared_within_a_world_only() -> None:
    """In the second world the two photos put different colours onto the same place."""
    hypotheses = worlds_of([0, 90], [0, 180])
    feature = torch.zeros(4, 6, 3)
    feature[3] = 1.0
    samples = VertexSamples(feature + 0.01 * torch.rand(4, 6, 3), torch.ones(4, 6))
    judged = hypotheses.joint_loss(torch.full((4,), 0.2), SampledColors(samples, torch.arange(6), alone=True), 1.0)
    assert torch.equal(judged[:2], judged[:1].expand(2))
    assert float(judged[2]) > 2 * float(judged[0])
    lossy = hypotheses.joint_loss(
        torch.tensor([0.9, 0.9, 0.1, 0.1]), SampledColors(samples, torch.arange(6), alone=True), 0.0
    )
    assert float(lossy[0]) > float(lossy[2])


def started(folder: Path) -> tuple[Observations, Scene]:
    observations = Observations(load_collection(folder))
    surface = PartSurfaces(template("quadruped"), len(observations), level=1)
    return observations, Scene(surface, first_known_cameras(observations, JOINTS))


@pytest.mark.parametrize("azimuths", [[15, 75, 140, 200, 250, 330], [40, 120], [60]], ids=["six", "two", "one"])
def test_every_heading_starts_on_the_masks(turnaround: Callable[..., Any], azimuths: list[float]) -> None:
    made = turnaround(azimuths, scale=5.0, yaw_deg=70, shift=(10, -2, 4))
    observations, scene = started(made.folder)
    view, mesh = observations.at(64), scene.surface.shared()
    start = scene.hypotheses
    assert isinstance(start, KnownCameras)
    hypotheses = start.all_round(mesh, view.intrinsics, view.boxes, 8)
    assert len(hypotheses) == 8 * len(azimuths)
    vertices = mesh.vertices.detach().expand(len(hypotheses), -1, 3)
    lens, box = view.intrinsics.select(hypotheses.photo), view.boxes[hypotheses.photo]
    points = to_pixels(project(vertices, hypotheses.camera(), lens), 64, 64).detach()
    off = ((points.amin(1) + points.amax(1)) / 2 - (box[:, :2] + box[:, 2:]) / 2).norm(dim=1)
    assert float(off.median()) < 4
    ratio = ((points.amax(1) - points.amin(1)).prod(1) / (box[:, 2:] - box[:, :2]).prod(1)).sqrt()
    assert 0.8 < float(ratio.median()) < 1.25


def test_the_subjects_place_in_the_given_world_is_found(turnaround: Callable[..., Any]) -> None:
    made = turnaround([15, 75, 140, 200, 250, 330], scale=40.0, yaw_deg=250, shift=(300, -20, 100), up_z=True)
    observations, scene = started(made.folder)
    world = made.world_from_rest
    body: frozenset[Free] = frozenset({"camera", "pose", "rest_pose", "length", "radius", "attachment"})
    descent = Descent(
        scene,
        observations,
        (
            Stage("camera", 8, 40, frozenset({"camera"}), kept_hypotheses=8, propose="azimuths", level=1),
            Stage("proportions", 15, 40, body - {"pose"}, kept_hypotheses=4, level=1),
            Stage("body", 40, 40, body, level=1),
        ),
    )
    for _ in descent.steps():
        pass
    hypotheses = scene.hypotheses
    assert isinstance(hypotheses, KnownCameras)
    found = hypotheses.world_from_rest()
    scale = np.cbrt(np.linalg.det(found[:3, :3]))
    assert scale == pytest.approx(40, rel=0.1)
    turn = (found[:3, :3] / scale).T @ (world[:3, :3] / 40)
    assert math.degrees(math.acos(min(1.0, (np.trace(turn) - 1) / 2))) < 8
    assert np.linalg.norm(found[:3, 3] - world[:3, 3]) < 0.1 * 40
    assert descent.progress.losses["iou"] > 0.7
    # All photos show one moment: one pose, no motion of their own.
    assert bool(hypotheses.common_pose.any())
    assert not bool(hypotheses.pose.any())
    assert not bool(hypotheses.step.any())
    assert torch.equal(hypotheses.given_rotations, first_known_cameras(observations, JOINTS).given_rotations)


def test_any_step_goes_on_to_the_bit(turnaround: Callable[..., Any], tmp_path: Path) -> None:
    made = turnaround([20, 140], scale=3.0)
    body: frozenset[Free] = frozenset({"camera", "pose", "rest_pose"})
    stages = (
        Stage("camera", 2, 32, frozenset({"camera"}), kept_hypotheses=4, propose="azimuths", level=1),
        Stage("mirror images", 3, 32, body, propose="mirror images", level=1),
        Stage("body", 2, 32, body, level=1),
    )
    whole = Descent(started(made.folder)[1], started(made.folder)[0], stages)
    losses = []
    for place in whole.steps():
        losses.append(dict(place.losses))
        here = StageStep(whole.stages[place.stage].name, place.iteration, place.step)
        save_checkpoint(tmp_path, whole.state(), here, name=str(place.step))
    for step in (1, 2, 4):
        checkpoint = load_checkpoint(tmp_path, name=str(step))
        assert checkpoint is not None
        observations, scene = started(made.folder)
        again = Descent(scene, observations, stages)
        again.restore(checkpoint.state)
        assert [dict(place.losses) for place in again.steps()] == losses[step:], f"differs after step {step}"
        for name, value in whole.scene.state_dict().items():
            assert torch.equal(value, again.scene.state_dict()[name]), f"{name} differs after step {step}"


@pytest.mark.parametrize("still", [True, False])
def test_poses_are_free_together_or_each_with_a_motion_of_its_own(still: bool) -> None:
    hypotheses = worlds_of([0, 90], [0])
    hypotheses.still = still
    scene = Scene(PartSurfaces(template("quadruped"), 2, level=1), hypotheses)
    groups = parameter_groups(scene, frozenset({"pose", "instance"}), LearningRates())
    held = {id(parameter) for group in groups for parameter in group["params"]}
    names = {name for name, parameter in scene.named_parameters() if id(parameter) in held}
    each = {"hypotheses.pose", "hypotheses.turn", "hypotheses.step", "surface.instance_coefficients"}
    # The one shape of a still subject is the shape that all photos share.
    assert names == ({"hypotheses.common_pose", "surface.coefficients"} if still else each)
    assert {name for name, parameter in scene.named_parameters() if parameter.requires_grad} == names


def test_neighbours_are_turned_to_either_side_and_start_unposed() -> None:
    hypotheses = worlds_of([0, 90], [30, 200])
    with torch.no_grad():
        hypotheses.pose.add_(0.3)
        hypotheses.turn.add_(0.1)
        hypotheses.common_pose.add_(0.2)
    beside = hypotheses.neighbours()
    assert len(beside) == 20
    turned = torch.rad2deg(beside.yaw.detach()).reshape(2, 5) - torch.tensor([[30.0], [200.0]])
    torch.testing.assert_close(turned, torch.tensor([0.0, -40, -20, 20, 40]).expand(2, 5), atol=1e-3, rtol=0)
    kept = beside.world % 5 == 0
    assert torch.equal(beside.photo[kept], hypotheses.photo)
    for values in (beside.pose, beside.turn):
        assert bool((values[kept] != 0).all())
        assert not bool(values[~kept].any())
    assert (beside.common_pose.detach().abs().sum((1, 2)) > 0).tolist() == [True, False, False, False, False] * 2
