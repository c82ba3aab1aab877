"""The queues that the bench compares, each worker and each client in a process of its own."""
