"""What may be asked and what may leave: checks, verdicts, provenance, moderation."""
