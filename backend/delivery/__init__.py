"""Tells the outside what happened to a job: event bus, signed links, webhooks."""
