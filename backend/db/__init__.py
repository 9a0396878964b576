"""The only room that knows SQL: tables, sessions, stores that return domain objects."""
