"""Where GPUs come from; the local pool is whatever workers are running."""
