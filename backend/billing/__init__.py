"""Metering, prices and the ledger; no book on this shelf yet."""
