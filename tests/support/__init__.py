"""Real servers and processes for tests, and what it takes to talk to them."""
