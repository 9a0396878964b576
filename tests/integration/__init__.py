"""Real servers that install as Python packages."""
