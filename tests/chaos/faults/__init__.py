"""Kinds of faults: each a small object that breaks one thing and mends it again."""
