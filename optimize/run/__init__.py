"""What a long run needs: its folder, checkpoints, a metrics log, a progress bar."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".open_run": "read_config check_out",
        ".checkpoint": "Checkpoint StageStep save_checkpoint load_checkpoint",
        ".metrics_log": "MetricsLog read_metrics",
        ".progress": "FitProgress Work",
    },
)
