"""Wires the backend together: opens databases, brokers and stores, and closes them again."""
