"""HTTP in, HTTP out: authenticates, admits, answers exact hits, waits for everything else."""
