"""The terms of the fit's loss, one per file; `objective` adds them up."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".loss_term": "Term RenderedStep",
        ".collision": "collision_loss",
        ".canonical_matches": "CanonicalMatches",
        ".camera_and_pose_prior": "camera_prior pose_prior",
        ".mesh_smoothness": "laplacian_loss normal_loss",
        ".prior_terms": "PriorTerms",
    },
)
