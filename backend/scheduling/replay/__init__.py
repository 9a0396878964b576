"""Replays traces over simulated GPUs with the production line, beside other policies."""
