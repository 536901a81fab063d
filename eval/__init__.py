"""How good a fit is: `silhouette`, `thickness`, `novel_view` (with `alignment`), and a run's scores, `run_score`."""
