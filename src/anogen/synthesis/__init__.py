"""Stage 2: draw a defect on a normal image, by diffusion or procedurally."""
