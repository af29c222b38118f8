"""Frozen latent diffusion models behind one contract, and how the embedded one is trained."""
