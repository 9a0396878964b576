"""The history of the tables, one file a step; run through `backend.db.migrate`."""
