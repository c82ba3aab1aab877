"""The simulator, piece by piece and as a process."""
