"""The only room that knows SQL: tables, sessions, stores that return domain objects.

Rows never leave this room. `Database` holds the connections, `stores` implements the ports of the
service, `migrate` brings a database to the newest tables.
"""
