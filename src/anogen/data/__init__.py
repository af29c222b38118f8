"""What the user has: images, masks, categories, support shots, textures."""
