"""Judges a pair of questions by their tokens' meanings: what one vector per question cannot tell."""

from workers.semantic.verifier.verifier import Verifier

__all__ = ["Verifier"]
