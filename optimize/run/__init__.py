"""What a long run needs: its folder, checkpoints, a metrics log, a progress bar."""
