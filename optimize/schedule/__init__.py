"""What is optimised when: stages with weights and learning rates, presets, mini-batches."""
