"""Places a model registry can live; none ships yet."""
