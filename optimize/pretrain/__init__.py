"""Training of the priors that the package carries, on its own zoo, and on outlines of rigged meshes if given."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".config": "PretrainConfig",
        ".diffusion_config": "PretrainDiffusionConfig",
        ".diffusion": "pretrain_diffusion",
        ".pool": "Pool fill_pool read_pool",
        ".piece": "PieceConfig run_piece",
        ".small_diffusion": "SmallDiffusion",
    },
)
