"""From words to pixels: encode, latents, denoise, guidance, decode."""
