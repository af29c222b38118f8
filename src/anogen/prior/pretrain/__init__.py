"""How the embedded prior is trained from nothing: scenes, autoencoder, latents, denoiser."""
