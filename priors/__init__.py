"""What judges pictures: semantic and canonical networks, segmentation, diffusion models and rules to learn by them."""
