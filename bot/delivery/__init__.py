"""Brings what happens to jobs into their Discord messages, whatever became of those meanwhile."""

from bot.delivery.deliveries import Deliveries
from bot.delivery.desk import Desk

__all__ = ["Deliveries", "Desk"]
