"""The HTTP routes, one file for each thing that has an address."""
