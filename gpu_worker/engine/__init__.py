"""The one thread that owns the GPU and runs every pipeline call."""
