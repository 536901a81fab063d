"""Textures: light estimated, photos projected back, unseen sides painted by a diffusion prior."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".texture_scene": "TexturedScene",
        ".backproject": "Textures",
        ".diffusion_source": "DiffusionSource",
        ".distillation_rule": "DistillationRule RuleConfig",
        ".novel_views": "NovelViews NovelViewsConfig",
        ".unseen_sides": "UnseenSides",
        ".lighting": "estimate_light",
    },
)
