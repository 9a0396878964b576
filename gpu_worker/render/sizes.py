"""How many pixels a ratio gets; told by the backend too before anything is drawn."""

from backend.contracts import fit_ratio

__all__ = ["fit_ratio"]
