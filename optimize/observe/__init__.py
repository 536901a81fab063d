"""From photos to what a fit looks at: crops, masks, occlusion, feature maps, first focal lengths."""
