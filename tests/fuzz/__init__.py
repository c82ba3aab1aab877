"""Long runs against the real application; the suite has a short form of each."""
