"""How much memory a job may take, and who holds it; no book on this shelf yet."""
