"""Faults injected into real processes under load, and a checker that reads the history afterwards."""
