"""What a diffusion prior wants changed in a picture: one rule a file, each giving a target to be pulled to."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".critic": "Critic",
        ".target": "Target by_gradient",
        ".noise_range": "NoiseRange",
        ".requirement": "Requirement Capability",
        ".t_dass": "TDassConfig",
        ".warp": "Warp",
        ".dass": "denoise_steps",
    },
)
