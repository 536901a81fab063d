"""What is optimised when: stages with weights and learning rates, presets, mini-batches."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".stage": "Stage Weights LearningRates quick full without",
        ".artic3d_preset": "artic3d",
        ".tournament": "Tournament Contender",
        ".mini_batch": "turn step_rows",
    },
)
