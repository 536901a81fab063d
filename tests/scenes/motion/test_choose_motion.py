"""Motions by name: the subject's own first, then the library's, and those of files."""

from dataclasses import replace

import pytest
import torch

from zoetrope.representations.motion.library import motion
from zoetrope.scenes.error import InputError
from zoetrope.scenes.motion.choose_motion import choose_motion
from zoetrope.scenes.subject import Subject


def test_its_own_clip_comes_before_the_librarys(subject):
    mesh, skeleton = subject
    own = replace(motion("trot", skeleton), name="walk")
    moving = Subject(mesh, skeleton, clips=(own,))
    assert choose_motion(moving, "walk") is own
    other = choose_motion(moving, "gallop")
    assert torch.equal(other.rotations, motion("gallop", skeleton).rotations)


def test_what_is_not_there_is_said_in_one_line(subject):
    mesh, skeleton = subject
    with pytest.raises(InputError, match=r"no motion 'waltz'; choose from walk, .*; .* of its own: none$") as caught:
        choose_motion(Subject(mesh, skeleton), "waltz")
    assert "\n" not in str(caught.value)
    for name in ("dance.bvh", "dance.glb#Jig"):
        with pytest.raises(InputError, match="dance"):
            choose_motion(Subject(mesh, skeleton), name)
