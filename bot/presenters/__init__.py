"""Pure functions from domain objects to embeds and sentences."""
