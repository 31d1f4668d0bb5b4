"""What happened: one log record to the rows it counts in, and rows to usage."""
