"""What holds for every motion of every body."""

from dataclasses import replace

import pytest
import torch

from zoetrope.representations.motion.leg import ground_level, hip_height, legs
from zoetrope.representations.motion.library import clips, motion, motions
from zoetrope.representations.rotation import vector_from_quaternion

_FOUR_FEET = "walk amble trot pace canter gallop rotary_gallop bound half_bound idle look_around graze sit lie rear"
WANTED = {
    "quadruped": _FOUR_FEET,
    "biped": "walk run idle look_around",
    "bird": "walk run waddle hop idle look_around graze flap glide",
    "kangaroo": "hop idle look_around graze sit",
}


@pytest.mark.parametrize("name", WANTED)
def test_motions_of_a_body_loop_within_limits_above_the_ground_and_rest_the_root(animal, on_ground, name):
    skeleton = animal(name)
    made = clips(skeleton)
    assert [clip.name for clip in made] == WANTED[name].split()
    left = [skeleton.index(leg.joints[-1]) for leg in legs(skeleton) if leg.joints[-1].startswith("left")]
    for clip in made:
        assert clip.loop
        assert clip.root is not None
        torch.testing.assert_close(clip.root.turns[0], clip.root.turns[-1])
        torch.testing.assert_close(clip.root.shifts[0], clip.root.shifts[-1])
        still = clip.rotations.new_tensor([1.0, 0, 0, 0]).expand(len(clip.times), 4)
        torch.testing.assert_close(clip.rotations[:, 0], still)
        ends = torch.cat([on_ground(skeleton, clip, points) for points in (skeleton.joints, skeleton.tips)], dim=1)
        assert float(ends[..., 1].min()) > ground_level(skeleton) - 1e-3 * hip_height(skeleton), clip.name
        # Nothing crosses: left feet stay on the left.
        toes = on_ground(skeleton, clip, skeleton.tips)[:, left, 0] - ends[:, :1, 0]
        assert float(toes.min()) > 0.02, clip.name
        vectors = torch.rad2deg(vector_from_quaternion(clip.rotations))
        beyond = torch.maximum(skeleton.limits_deg[..., 0] - vectors, vectors - skeleton.limits_deg[..., 1])
        worst = skeleton.names[int(beyond.amax((0, 2)).argmax())]
        assert float(beyond.max()) < 1e-2, f"{clip.name}: {worst}"
        turn = vectors.diff(dim=0).abs()
        assert turn.max() < 35, "a key jumps"
        # From the last key before the end to the first there is no more of a jump than elsewhere.
        assert turn[-1].max() < 1.5 * turn[:-1].max()


def test_a_motion_that_cannot_be_done_says_what_is_missing(animal):
    skeleton = animal("quadruped")
    unlabelled = replace(
        skeleton,
        names=tuple(name.replace("muzzle", "chain_1").replace("left_hock", "chain_2") for name in skeleton.names),
    )
    assert motions(unlabelled) == ()
    for name in ("walk", "idle", "graze", "sit"):
        with pytest.raises(ValueError, match=f"{name} needs joints.*left_hock"):
            motion(name, unlabelled)
    mute = replace(skeleton, names=tuple(name.replace("muzzle", "chain_1") for name in skeleton.names))
    assert [clip.name for clip in clips(mute, ("graze", "walk"))] == ["walk"]
    with pytest.raises(ValueError, match="a quadruped has no motion 'moonwalk'; choose from walk, amble"):
        motion("moonwalk", skeleton)
    with pytest.raises(ValueError, match="no motion 'flap'"):
        clips(skeleton, ("walk", "flap"))
    with pytest.raises(ValueError, match="stand on their fore legs"):
        motion("rear", animal("kangaroo"))
