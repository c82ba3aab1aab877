"""What ingress and workers must agree on, and nothing else."""
