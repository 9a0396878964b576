"""Buttons and modals whose state lives in their custom_id, so that they survive a restart."""
