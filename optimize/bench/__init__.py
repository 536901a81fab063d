"""How good and how fast: collections fitted into tables, rules compared, steps timed, the machine examined."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".bench": "BenchConfig run_bench",
        ".painting_bench": "PaintingBenchConfig run_painting_bench",
        ".speed": "measure_speed",
        ".diffusion_speed": "DiffusionSpeedConfig measure_diffusion_speed",
        ".doctor": "examine",
    },
)
