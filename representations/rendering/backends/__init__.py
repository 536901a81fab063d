"""Who finds visibility: one rasteriser per file, and which of them is taken."""
