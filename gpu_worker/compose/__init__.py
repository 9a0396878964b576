"""Brings model files into memory: base, LoRA, ControlNet."""
