"""What may break around and inside an installation, done to real processes on real servers."""
