"""Small real models that draw on a CPU."""
