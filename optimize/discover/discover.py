"""A quadruped's skeleton found in its photos.

    rank photos -> sketch (joints in the picture) -> lift (three dimensions, symmetric) -> check -> Discovery

After Hi-LASSIE (Yao et al., "Hi-LASSIE: High-Fidelity Articulated Shape and Skeleton Discovery from Sparse Image
Ensemble", CVPR 2023), which thins one silhouette and pairs equal clusters. Differences: the photo is chosen by a score
and another is tried where it fails; spurs are cut by how far they protrude; limbs that hide one another are told apart
by side or take their twin's shape; joints have names; views from the front are not taken; and what comes out is
checked, the template standing in with a line that says why.
"""

from __future__ import annotations

from ...representations.body.template import Template, template
from ...representations.tensor_structure import TensorStructure
from .labelled_sketch import labelled_sketch
from .medial_sketch import medial_sketch
from .reference_photo import ReferenceScore, rank_photos
from .skeleton_check import fault_in
from .skeleton_evidence import SkeletonEvidence
from .skeleton_lift import lift
from .sketch import NotFoundError, Sketch

_LEAST_SCORE = 0.1
"""Photos below this share of the best score are not tried."""


class Discovery(TensorStructure):
    """What a fit starts from, and how it came about."""

    template: Template
    """The discovered skeleton with radii, or the quadruped template where none could be believed."""
    reference: int | None
    """The photo it was read from; None for the template."""
    sketch: Sketch | None
    """Where the joints are in that photo."""
    ranking: tuple[ReferenceScore, ...]
    """All photos, the best first."""
    tried: tuple[tuple[int, str], ...]
    """Photos that were tried before and what was wrong with each."""
    fault: str
    """One line on why the template stands in; "" where a skeleton was found."""


def discover(evidence: SkeletonEvidence, most: int = 8) -> Discovery:
    """The skeleton read from the best of at most `most` photos, in the template's names and the package's gauges."""
    ranking = rank_photos(evidence)
    best = ranking[0].score if ranking else 0.0
    tried: list[tuple[int, str]] = []
    # A tail that some photo shows is read there; only then may it hide.
    for tail_may_hide in (False, True) if evidence.part is not None else (False,):
        for one in ranking[:most]:
            if one.score <= _LEAST_SCORE * best:
                break
            try:
                sketch = sketch_photo(evidence, one.photo, tail_may_hide)
            except NotFoundError as error:
                tried.append((one.photo, str(error)))
                continue
            azimuth = None if evidence.azimuth_deg is None else float(evidence.azimuth_deg[one.photo])
            body = lift(sketch, azimuth)
            fault = fault_in(body, sketch, evidence.subject(one.photo))
            if not fault:
                return Discovery(body, one.photo, sketch, tuple(ranking), tuple(tried), "")
            tried.append((one.photo, fault))
    return Discovery(template("quadruped"), None, None, tuple(ranking), tuple(tried), _why(tried, len(evidence)))


def sketch_photo(evidence: SkeletonEvidence, photo: int, tail_may_hide: bool = False) -> Sketch:
    """The joints in one photo, from part labels where given, else from silhouette and features.

    With labels a tail may hide (see `labelled_sketch`). Raises `NotFoundError` with what the photo does not show.
    """
    if evidence.part is not None:
        return labelled_sketch(evidence.labels(photo), tail_may_hide)
    return medial_sketch(evidence, photo)


def _why(tried: list[tuple[int, str]], count: int) -> str:
    if not tried:
        return f"no skeleton was found in {count} photos, none shows a subject from the side; the template stands in"
    photo, fault = tried[0]
    return (
        f"no skeleton was found in the {len(dict(tried))} best of {count} photos (photo {photo}: {fault}); "
        "the quadruped template stands in"
    )
