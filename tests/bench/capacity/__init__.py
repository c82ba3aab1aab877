"""How much of everything how many requests take: measured, simulated, and then thought further."""
