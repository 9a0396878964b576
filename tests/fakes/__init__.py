"""In-memory twins of every port."""
