"""Checks that need a device."""
