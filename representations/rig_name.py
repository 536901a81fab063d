"""The joints of one rig as their names tell them: `joint_name`, without what a program put before the names.

"Model:Hips", "Armature|Hips", "Character1_Hips", "Rex_Bip01 L Thigh" and "mixamorigHips" are a rig's hips and left
thigh. What stands before ":" or "|" is never part of a name. Other words in front are left out where the name is only
known without them, they are no words of anatomy ("Front", "Toe") or of controls ("IK", "Pole"), and no other joint of
the rig has that name already: all names of a rig are looked at together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from itertools import pairwise

from .body.joint_name import JointName, Side, joint_name

_ANATOMY = """
hips hip pelvis body cog root abdomen waist spine chest upperchest torso neck lowerneck upperneck head jaw muzzle
beak tail ear eye shoulder collar clavicle scapula arm upperarm uparm shldr humerus forearm lowerarm lowarm elbow
radius hand wrist leg thigh upperleg upleg femur calf shin tibia lowerleg lowleg knee foot ankle hock toe toes
toebase ball paw frontpaw backpaw hindpaw finger fingers fingerbase middle thumb index ring pinky handthumb
handindex handmiddle handring handpinky frontupperleg frontlowerleg frontthigh frontshin frontfoot fronttoe frontleg
foreleg backleg hindleg rearleg backupperleg backlowerleg horselink ankleleg wingupper winglower wingtip wing
frontlowerlegend backlowerlegend ikfrontleg ikbackleg ff ffb
"""
KNOWN_WORDS = frozenset(_ANATOMY.split())
"""Words of joints, without side and number; those that begin with "neck", "tail", "spine" or "ear" count too."""

_BEGIN = re.compile(r"neck|tail|spine|ear(?!th|ring)")
_QUALIFIER_WORDS = """
front fore hind back rear upper lower up low mid middle inner outer top bottom left right l r big little small index
ring pinky thumb toe finger hand foot arm leg head neck tail ear eye wing spine chest hip thigh shin calf brow lip
"""
_QUALIFIERS = frozenset(_QUALIFIER_WORDS.split())
"""Words in front of another that make it another joint."""
_CONTROL_WORDS = """
ik fk pole target ctrl control ctl mch twist roll helper offset null goal effector weapon prop camera cam light lamp
hair cape skirt cloth hat socket attach attachment collider physics tweak vis widget wgt handle locator loc
"""
_CONTROLS = frozenset(_CONTROL_WORDS.split())
"""Words of nodes that are no joints of a body."""
_NAMESPACE = re.compile(r".*[:|](?=.)", re.DOTALL)
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^A-Za-z\d]+")
_FEWEST = 3
"""Joints that share a prefix which nothing separates from the name."""
_COMMON = 0.5
"""Share of a rig's joints above which words in front are a prefix whatever they say: "Big_Foot_Hips"."""
_SIDES: tuple[tuple[str, Side], ...] = (("left", "left"), ("right", "right"), ("l", "left"), ("r", "right"))


def rig_joint_names(names: Sequence[str]) -> list[JointName]:
    """All names of one rig, taken apart together.

    >>> [parsed.word for parsed in rig_joint_names(["Character1_Hips", "Character1_LeftUpLeg", "Spine"])]
    ['hips', 'upleg', 'spine']
    """
    bare = [_bare(name) for name in names]
    parsed = [_one_piece(joint_name(name)) for name in bare]
    taken = {one for one in parsed if is_known(one.word)}
    starts = Counter(name[:start] for name in bare for start, _ in _words(name))
    common = {prefix for prefix, count in starts.items() if count > _COMMON * len(bare)}
    glued = _glued_prefixes([one.word for one in parsed if not is_known(one.word)])
    for node, name in enumerate(bare):
        if not is_known(parsed[node].word):
            found = _without_prefix(name, common) or _without_glued(name, glued)
            if found is not None and found not in taken:
                parsed[node] = found
    return parsed


def is_known(word: str) -> bool:
    """Whether a joint's word is one of anatomy.

    >>> is_known("upleg"), is_known("rexupleg")
    (True, False)
    """
    return word in KNOWN_WORDS or _BEGIN.match(word) is not None


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a note, at most so many of them.

    >>> listed(["Hips", "Neck", "Head"], 2)
    'Hips, Neck and 1 more'
    """
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _bare(name: str) -> str:
    """Without namespaces; "L:Thigh" says a side in front of its colon."""
    found = _NAMESPACE.sub("", name)
    before = name.removesuffix(found).rstrip(":|")
    return f"{before} {found}" if re.search(r"(^|[^a-z])(l|r|left|right)$", before, re.IGNORECASE) else found


def _words(name: str) -> list[tuple[int, str]]:
    """The words of a name and where they begin."""
    return [(found.start(), found[0].lower()) for found in _WORD.finditer(name) if found[0][0].isalpha()]


def _without_prefix(name: str, common: Container[str]) -> JointName | None:
    """A name after as few words of a prefix as make it known; None where none do. `common`: what stands before most."""
    words = _words(name)
    for (_, before), (start, _) in pairwise(words):
        left_out = {word for at, word in words if at < start}
        if name[:start] not in common and (left_out & _CONTROLS or before in _QUALIFIERS - {"left", "right", "l", "r"}):
            continue
        rest = _one_piece(joint_name(name[start:]))
        if is_known(rest.word):
            side = joint_name(name[:start]).side if rest.side == "middle" else rest.side
            return JointName(side, rest.word, rest.number)
    return None


def _without_glued(name: str, prefixes: Sequence[str]) -> JointName | None:
    whole = joint_name(name)
    for prefix in prefixes:
        rest = _one_piece(JointName(whole.side, whole.word.removeprefix(prefix), whole.number))
        if whole.word.startswith(prefix) and is_known(rest.word):
            return rest
    return None


def _one_piece(parsed: JointName) -> JointName:
    """Of names in one case and one piece, "lthigh", the side too."""
    if parsed.side == "middle" and not is_known(parsed.word):
        for prefix, side in _SIDES:
            rest = parsed.word.removeprefix(prefix)
            if rest != parsed.word and is_known(rest) and parsed.word != "rear":
                return JointName(side, rest, parsed.number)
    return parsed


def _glued_prefixes(words: Sequence[str]) -> list[str]:
    """What stands before known words without a mark between, "rexhips", in several names; the longest first."""
    counts: Counter[str] = Counter()
    for word in set(words):
        heads = {word[:length] for length in range(2, len(word)) if is_known(_one_piece(_middle(word[length:])).word)}
        counts.update(heads)
    found = [head for head, count in counts.items() if count >= _FEWEST and not _is_anatomy(head)]
    return sorted(found, key=lambda head: (-counts[head], -len(head)))


def _middle(word: str) -> JointName:
    return JointName("middle", word, None)


def _is_anatomy(head: str) -> bool:
    return any(head.endswith(word) for word in (*_QUALIFIERS, *_CONTROLS, *KNOWN_WORDS) if len(word) > 1)
