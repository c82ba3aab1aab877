"""The dashboard: pages that the server renders, kept live by a little script, and what operators do there."""
