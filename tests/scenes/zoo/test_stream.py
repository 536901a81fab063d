"""A stream is the same however many processes make it."""

import hashlib
import operator

from zoetrope.scenes.zoo.sitting import Sitting
from zoetrope.scenes.zoo.stream import StreamConfig, stream

CONFIG = StreamConfig(size=48, photo_count=2, species=("fox", "penguin"))


def digest(sitting: Sitting) -> tuple[str, str]:
    return sitting.species, hashlib.sha256(b"".join(shot.jpeg for shot in sitting.shots)).hexdigest()


def test_processes_do_not_decide_what_comes_out() -> None:
    seeds = (3, 1, 2, 1)
    here = list(stream(seeds, CONFIG, digest, process_count=1))
    assert here[1] == here[3]
    assert len({one[1] for one in here}) == 3
    assert {one[0] for one in here} == {"fox", "penguin"}
    # `digest` is not to be found by other processes, so what travels is a function that is.
    assert list(stream(seeds, CONFIG, operator.attrgetter("species"), process_count=2)) == [one[0] for one in here]
