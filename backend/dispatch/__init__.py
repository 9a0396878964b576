"""The only room that knows Celery: sends leased jobs, receives reports, returns lost jobs."""
