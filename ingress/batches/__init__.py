"""Batches: many requests in one, asked at batch priority through the same cache, limits and fleet."""
