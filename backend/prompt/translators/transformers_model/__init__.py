"""Opus-MT, M2M-100 and NLLB through transformers, in a process of their own."""
