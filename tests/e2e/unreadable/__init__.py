"""No key and no URL of a held picture opens, whatever strikes while jobs run."""
