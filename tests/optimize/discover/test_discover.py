"""Skeletons found in drawn animals whose joints are known, and what happens where nothing can be found."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from zoetrope.optimize.discover.discover import Discovery, discover, sketch_photo
from zoetrope.optimize.discover.labelled_sketch import labelled_sketch
from zoetrope.optimize.discover.limb_features import LimbFeatures
from zoetrope.optimize.discover.reference_photo import rank_photos
from zoetrope.optimize.discover.skeleton_check import fault_in, share_inside
from zoetrope.optimize.discover.skeleton_evidence import SkeletonEvidence
from zoetrope.optimize.discover.skeleton_lift import ground_slope_deg, lift
from zoetrope.optimize.discover.sketch import Sketch
from zoetrope.representations.body.chart import PART_KINDS
from zoetrope.representations.body.template import Template, template
from zoetrope.representations.surfaces.part_surface import PartSurfaces

SIZE = 144
Bones = dict[str, tuple[np.ndarray, np.ndarray]]


class Animal:
    """The template from the side, legs swung, drawn as capsules: labels, and the true joints."""

    def __init__(
        self,
        swing: float = 0.3,
        facing: Literal[-1, 1] = 1,
        without: tuple[str, ...] = (),
        slope: float = 0.0,
        squeeze: float = 1.0,
    ) -> None:
        body = template("quadruped")
        skeleton, radius = body.skeleton, body.radius.double().numpy()
        flat = [t.double().numpy()[:, [2, 1]] for t in (skeleton.joints, skeleton.tips)]
        self.bones: Bones = {}
        self.kind = np.full((SIZE, SIZE), -1)
        self.left = np.zeros((SIZE, SIZE), bool)
        near = "left" if facing == -1 else "right"
        far = "right" if near == "left" else "left"
        order = sorted(
            range(len(skeleton)),
            key=lambda j: (not skeleton.names[j].startswith(far), skeleton.names[j].startswith(near)),
        )
        for j in order:
            name = skeleton.names[j]
            ends = np.stack([flat[0][j], flat[1][j]])
            top = self._top(name)
            if top is not None:
                about = flat[0][skeleton.index(top)]
                angle = swing * (1 if name.startswith(near) else -1) * (1 if "hip" in top else -1)
                turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                ends = about + (ends - about) @ turn.T
            elif name.endswith("ear") and name.startswith(far):
                ends = ends + np.array([0.03, 0.0])
            places = (
                np.stack([facing * squeeze * ends[:, 0], -ends[:, 1] - slope * facing * ends[:, 0]], axis=1)
                * 0.8
                * SIZE
                + SIZE / 2
            )
            self.bones[name] = (places[0], places[1])
            if not any(name.startswith(part) or name.endswith(part) for part in without):
                self._paint(skeleton.parts[j], places, radius[j, 1] * 0.8 * SIZE, radius[j, 3] * 0.8 * SIZE, name, near)

    @staticmethod
    def _top(name: str) -> str | None:
        if not name.startswith(("left", "right")) or name.endswith("ear"):
            return None
        side, joint = name.split("_", 1)
        return f"{side}_{'hip' if joint in ('hip', 'knee', 'hock', 'back_paw') else 'shoulder'}"

    def _paint(self, part: str, places: np.ndarray, one: float, two: float, name: str, near: str) -> None:
        rows, columns = np.indices((SIZE, SIZE)) + 0.5
        way = places[1] - places[0]
        t = (((columns - places[0, 0]) * way[0] + (rows - places[0, 1]) * way[1]) / (way @ way)).clip(0, 1)
        inside = np.hypot(columns - places[0, 0] - t * way[0], rows - places[0, 1] - t * way[1]) <= one + t * (
            two - one
        )
        self.kind[inside] = PART_KINDS.index(part.removeprefix("left_").removeprefix("right_"))
        side = name.split("_")[0] if name.startswith(("left", "right")) else near
        self.left[inside] = side == "left"

    @property
    def mask(self) -> np.ndarray:
        return self.kind >= 0


def _evidence(*animals: Animal, labels: bool = True, azimuth_deg: list[float] | None = None) -> SkeletonEvidence:
    masks = torch.from_numpy(np.stack([a.mask for a in animals])).float()
    azimuth = None if azimuth_deg is None else torch.tensor(azimuth_deg)
    if not labels:
        return SkeletonEvidence(masks, torch.ones(len(animals), 3, 8, 8), azimuth_deg=azimuth)
    part = torch.stack(
        [torch.from_numpy(np.stack([a.kind == k for k in range(len(PART_KINDS))])).float() for a in animals]
    )
    left = torch.from_numpy(np.stack([a.left for a in animals])).float()
    return SkeletonEvidence(masks, None, part, left, azimuth)


def _error(sketch: Sketch, bones: Bones, mask: np.ndarray, names: list[str] | None = None) -> float:
    """Mean distance of joints from the true ones over the longest side of the box."""
    side = (np.ptp(np.argwhere(mask), axis=0) + 1).max()
    found = sketch.bones()
    return float(np.mean([np.linalg.norm(found[n][0] - bones[n][0]) for n in names or bones]) / side)


def _leg_length(body: Template, joints: tuple[str, ...]) -> float:
    skeleton = body.skeleton
    length = sum(float((skeleton.tips - skeleton.joints)[skeleton.index(name)].norm()) for name in joints)
    return length / float((skeleton.joints[skeleton.index("neck")] - skeleton.joints[0]).norm())


def _template_joints_in_box(mask: np.ndarray) -> dict[str, np.ndarray]:
    """The quadruped template's joints seen from its left, (column, row), stretched to the silhouette's box."""
    skeleton = template("quadruped").skeleton
    starts, tips = (t.double().numpy()[:, [2, 1]] * [1, -1] for t in (skeleton.joints, skeleton.tips))
    low, high = (end(np.concatenate([starts, tips]), axis=0) for end in (np.min, np.max))
    pixels = np.argwhere(mask)[:, ::-1]
    corner, size = pixels.min(0), np.ptp(pixels, axis=0) + 1
    return dict(zip(skeleton.names, corner + (starts - low) / (high - low) * size, strict=True))


@pytest.fixture(scope="module")
def strider() -> Animal:
    return Animal(swing=0.3)


@pytest.fixture(scope="module")
def found(strider: Animal) -> Discovery:
    return discover(_evidence(strider))


def test_joints_are_found_where_they_are(strider: Animal, found: Discovery) -> None:
    assert found.fault == ""
    assert found.sketch is not None
    assert _error(found.sketch, strider.bones, strider.mask) < 0.03
    legs = [name for name in strider.bones if name.endswith(("elbow", "wrist", "knee", "hock"))]
    box = _template_joints_in_box(strider.mask)
    stiff = np.mean([np.linalg.norm(box[name] - strider.bones[name][0]) for name in legs])
    side = (np.ptp(np.argwhere(strider.mask), axis=0) + 1).max()
    assert _error(found.sketch, strider.bones, strider.mask, legs) < 0.5 * stiff / side


def test_the_skeleton_is_of_the_templates_kind(found: Discovery) -> None:
    skeleton, usual = found.template.skeleton, template("quadruped").skeleton
    assert skeleton.names == usual.names
    assert skeleton.parents == usual.parents
    assert skeleton.landmarks == usual.landmarks
    assert skeleton.main_child == usual.main_child, "chains stay connected"
    mirror = list(skeleton.mirror)
    torch.testing.assert_close(skeleton.joints[mirror] * torch.tensor([-1.0, 1.0, 1.0]), skeleton.joints)
    lefts = [j for j, name in enumerate(skeleton.names) if name.startswith("left")]
    assert bool((skeleton.joints[lefts, 0] > 0).all())
    radius = found.template.radius
    ends = torch.cat(
        [
            skeleton.joints - radius[:, :1],
            skeleton.joints + radius[:, :1],
            skeleton.tips - radius[:, 2:3],
            skeleton.tips + radius[:, 2:3],
        ]
    )
    size = ends.amax(0) - ends.amin(0)
    assert float(size.max()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close((ends.amax(0) + ends.amin(0)) / 2, torch.zeros(3), atol=1e-5, rtol=0)
    assert float(skeleton.tips[skeleton.index("muzzle"), 2]) > float(skeleton.joints[0, 2]), "front is +Z"
    PartSurfaces(found.template, photo_count=1)


def test_a_walking_pair_of_legs_keeps_its_length() -> None:
    """Averaging the joints of legs in mid-stride, as Hi-LASSIE does, makes them shorter by the cosine of the stride."""
    joints = ("left_shoulder", "left_elbow", "left_wrist")
    usual = _leg_length(template("quadruped"), joints)
    body = discover(_evidence(Animal(swing=0.45))).template
    assert body.build == "discovered"
    assert _leg_length(body, joints) == pytest.approx(usual, rel=0.07)


@pytest.mark.parametrize("labels", [True, False])
def test_the_mirrored_photo_gives_the_same_skeleton(labels: bool) -> None:
    """Hi-LASSIE's views are all from one side; here the side is read from the photo."""
    right, left = (discover(_evidence(Animal(facing=f), labels=labels)) for f in (1, -1))
    assert right.sketch is not None
    assert left.sketch is not None
    assert (right.sketch.facing, left.sketch.facing) == (1, -1)
    # Thinning does not commute with mirroring: where crossed legs meet, its axes differ.
    apart = (right.template.skeleton.joints - left.template.skeleton.joints).abs()
    assert float(apart.mean()) < 0.01
    assert float(apart.max()) < (0.03 if labels else 0.15)


def test_a_hidden_leg_takes_its_twins_shape() -> None:
    animal = Animal(swing=0.0, without=("left_shoulder", "left_elbow", "left_wrist", "left_front_paw"))
    one = discover(_evidence(animal))
    assert one.fault == ""
    assert one.sketch is not None
    assert not one.sketch.seen["left_front"].any()
    np.testing.assert_array_equal(one.sketch.chains["left_front"].points, one.sketch.chains["right_front"].points)
    assert float(one.template.skeleton.joints[one.template.skeleton.index("left_elbow"), 0]) > 0.02, (
        "but stands beside it"
    )


def test_half_a_leg_hangs_on_what_is_seen_of_it() -> None:
    animal = Animal(swing=0.3, without=("left_front_paw", "left_wrist"))
    sketch = labelled_sketch(_evidence(animal).labels(0))
    assert not sketch.seen["left_front"][3:].any()
    assert sketch.seen["left_front"][1]
    assert _error(sketch, animal.bones, animal.mask, ["left_elbow"]) < 0.03
    found = np.diff(sketch.chains["left_front"].points, axis=0)[3]
    twin = np.diff(sketch.chains["right_front"].points, axis=0)[3]
    np.testing.assert_allclose(found, twin)


def test_a_photo_that_lacks_something_makes_way_for_the_next() -> None:
    """The photos' views are known, and the one straight from the side has no tail."""
    one = discover(_evidence(Animal(without=("tail",)), Animal(), azimuth_deg=[90.0, 45.0]))
    assert one.reference == 1
    assert one.tried[0][0] == 0
    assert "tail" in one.tried[0][1]


def test_a_tail_that_no_photo_shows_hangs_down() -> None:
    one = discover(_evidence(Animal(without=("tail",)), Animal(without=("tail",))))
    assert one.fault == ""
    assert one.sketch is not None
    assert not one.sketch.seen["tail"].any()
    tail = one.sketch.chains["tail"].points
    assert (np.diff(tail[:, 1]) > 0).all()
    assert tail[0, 0] < one.sketch.chains["trunk"].points[0, 0] + 2


def test_views_from_the_front_are_not_taken() -> None:
    """Hi-LASSIE swaps depth and width where the photo its user chose is frontal; here another photo is chosen."""
    frontal, side = Animal(squeeze=0.35), Animal()
    for known in (None, [5.0, 80.0]):
        ranking = rank_photos(_evidence(frontal, side, azimuth_deg=known))
        assert ranking[0].photo == 1
        assert ranking[0].side > 2 * ranking[1].side


def test_a_known_azimuth_undoes_the_foreshortening() -> None:
    azimuth = 50.0
    body = template("quadruped").skeleton
    usual = float(
        (body.joints[body.index("neck")] - body.joints[0]).norm() / (body.joints[0, 1] - body.tips[:, 1].min())
    )
    lengths = []
    for known in (None, azimuth):
        sketch = sketch_photo(_evidence(Animal(swing=0.0, squeeze=float(np.sin(np.radians(azimuth))))), 0)
        seen = lift(sketch, known).skeleton
        lengths.append(
            float(
                (seen.joints[seen.index("neck")] - seen.joints[0]).norm() / (seen.joints[0, 1] - seen.tips[:, 1].min())
            )
        )
    assert abs(lengths[1] - usual) < 0.12 * usual < abs(lengths[0] - usual)


def test_sloping_ground_is_level_at_rest() -> None:
    sketch = sketch_photo(_evidence(Animal(slope=0.15, swing=0.1)), 0)
    assert abs(ground_slope_deg(sketch)) > 6
    skeleton = lift(sketch).skeleton
    feet = [float(skeleton.tips[skeleton.index(name), 1]) for name in ("left_front_paw", "left_back_paw")]
    assert abs(feet[0] - feet[1]) < 0.02


@pytest.mark.parametrize("labels", [True, False])
def test_nothing_to_be_found_ends_with_the_template_and_a_line(labels: bool) -> None:
    """A blob has no junction, where Hi-LASSIE fails; and one photo has no rank to divide by."""
    blob = Animal()
    rows, columns = np.indices((SIZE, SIZE))
    inside = (rows - 96) ** 2 + (columns - 96) ** 2 < 40**2
    blob.kind = np.where(inside, PART_KINDS.index("trunk_middle"), -1)
    one = discover(_evidence(blob, labels=labels))
    assert one.reference is None
    assert one.sketch is None
    assert "template" in one.fault
    assert "\n" not in one.fault
    assert one.template.build == "standard"


def test_an_empty_mask_is_no_candidate() -> None:
    nothing = Animal()
    nothing.kind = np.full((SIZE, SIZE), -1)
    assert discover(_evidence(nothing, Animal())).reference == 1
    assert "none shows a subject" in discover(_evidence(nothing)).fault


def test_every_rule_names_its_bound(strider: Animal, found: Discovery) -> None:
    assert found.sketch is not None
    assert fault_in(found.template, found.sketch, strider.mask) == ""
    assert share_inside(found.sketch, strider.mask) > 0.95
    assert "90 %" in fault_in(found.template, found.sketch, np.roll(strider.mask, 25, axis=0))
    skeleton = found.template.skeleton
    tips = skeleton.tips.clone()
    tips[skeleton.index("muzzle")] = skeleton.joints[skeleton.index("muzzle")] + 0.001
    short = replace(found.template, skeleton=skeleton.with_rest(skeleton.joints, tips))
    assert "muzzle" in fault_in(short, found.sketch, strider.mask)
    joints = skeleton.joints.clone()
    joints[skeleton.index("left_knee"), 0] += 0.1
    lopsided = replace(found.template, skeleton=skeleton.with_rest(joints, skeleton.tips))
    assert "mirror" in fault_in(lopsided, found.sketch, strider.mask)
    joints = skeleton.joints.clone()
    joints[skeleton.index("neck"), 1] += 0.1
    broken = replace(found.template, skeleton=skeleton.with_rest(joints, skeleton.tips))
    assert "connected" in fault_in(broken, found.sketch, strider.mask)


def test_silhouettes_alone_give_the_joints_roughly(strider: Animal) -> None:
    one = discover(_evidence(strider, labels=False))
    assert one.fault == ""
    assert one.sketch is not None
    assert one.sketch.facing == 1, "the head is where the ears stand"
    assert _error(one.sketch, strider.bones, strider.mask) < 0.06
    PartSurfaces(one.template, photo_count=1)


def test_a_trunk_and_an_unpaired_horn_are_named_by_their_labels() -> None:
    animal = Animal()
    nose = animal.bones["muzzle"][1]
    animal._paint("proboscis", np.stack([nose, nose + np.array([6.0, 30.0])]), 4, 4, "proboscis", "right")
    poll = animal.bones["head"][0]
    animal._paint(
        "right_horn",
        np.stack([poll + np.array([8.0, -6.0]), poll + np.array([20.0, -36.0])]),
        3,
        3,
        "right_horn",
        "right",
    )
    one = discover(_evidence(animal))
    skeleton = one.template.skeleton
    assert skeleton.names[-3:] == ("proboscis", "right_horn", "left_horn")
    assert [skeleton.names[p] for p in skeleton.parents[-3:]] == ["muzzle", "head", "head"]
    assert skeleton.parts[-2:] == ("right_horn", "left_horn")
    assert float(skeleton.joints[skeleton.index("left_horn"), 0]) > 0
    PartSurfaces(one.template, photo_count=1)


def test_features_say_which_end_lies_higher_in_most_photos() -> None:
    """Of two ends, the one whose like is high in all photos is the head; no single photo decides."""
    mask = torch.zeros(4, 64, 64)
    mask[:, 8:56, 8:56] = 1
    features = torch.zeros(4, 3, 64, 64)
    features[:, 0] = 1
    for k in range(4):
        features[k, :, :24] = torch.tensor([0.2, 1.0, 0.0])[:, None, None]
        features[k, :, 40:] = torch.tensor([0.2, 0.0, 1.0])[:, None, None]
    evidence = SkeletonEvidence(mask, features)
    high, low = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    high[10:16, 10:16], low[46:52, 46:52] = True, True
    limbs = LimbFeatures(evidence, 0, [high, low])
    assert limbs.head_over(0, 1) > 0.9
    assert limbs.head_over(1, 0) < -0.9
    assert limbs.alike(0, 0) == pytest.approx(1, abs=1e-5)
    assert limbs.alike(0, 1) < 0.5


def test_evidence_without_labels_and_features_is_refused() -> None:
    with pytest.raises(ValueError, match="needs one of them"):
        SkeletonEvidence(torch.ones(1, 8, 8))
