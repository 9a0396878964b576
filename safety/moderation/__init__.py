"""What people decide about held pictures; no book on this shelf yet."""
