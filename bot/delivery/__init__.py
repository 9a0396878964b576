"""Brings what happens to jobs into their Discord messages, whatever became of those meanwhile."""

from bot.delivery.deliveries import Deliveries

__all__ = ["Deliveries"]
