"""Services that answer questions for money, spoken to over HTTP."""
