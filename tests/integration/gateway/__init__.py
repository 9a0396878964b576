"""The gateway over HTTP: a real server on a free port."""
