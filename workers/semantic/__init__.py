"""Finds an earlier question that the same answer serves: similarity proposes, guards decide."""
