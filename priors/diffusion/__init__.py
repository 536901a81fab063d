"""Diffusion models as priors: frozen networks behind one small interface, whatever they were trained to predict."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".load": "load_diffusion_prior DiffusionConfig",
        ".prior": "DiffusionPrior",
        ".noise_level": "NoiseLevel",
        ".noise_schedule": "NoiseSchedule",
        ".guidance": "GuidanceConfig guide",
        ".autoencoder": "Autoencoder",
        ".conditions": "Conditions",
    },
)
