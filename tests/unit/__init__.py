"""No network, no sleep, no GPU."""
