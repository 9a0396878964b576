"""Webhooks: job events as signed HTTP requests to addresses that members have named."""
