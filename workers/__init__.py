"""Takes jobs, finds or buys their answers, settles outcomes; knows no HTTP server."""
