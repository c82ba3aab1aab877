"""all-MiniLM-L6-v2 on the CPU: the embedder that needs no key and no network."""

from workers.semantic.minilm.local import LocalEmbedder

__all__ = ["LocalEmbedder"]
