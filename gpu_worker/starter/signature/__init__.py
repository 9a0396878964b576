"""Stable Signature: a decoder taught to draw pictures that carry a number by themselves.

After Fernandez et al., "The Stable Signature" (arXiv:2303.15435); this is our own code. A decoder
draws every latent's eight by eight pixels alike, so the number is written into each such cell.
"""
