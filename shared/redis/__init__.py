"""Redis as a schema: the keys, the scripts that change them, and how one connects."""
