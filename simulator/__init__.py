"""Stands in for Groq and Jina over HTTP, and says so."""
