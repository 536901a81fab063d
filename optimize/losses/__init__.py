"""The terms of the fit's loss, one per file; `objective` adds them up."""
