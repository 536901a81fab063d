"""Photos in: decoding, masks, cameras, keypoints, exact crops."""
