"""How pictures age: hot, warm, cold. A room for now; nothing moves or expires yet.

Not every S3 server can move objects between storage classes by rule, so this will copy them itself.
"""
