"""What reading a cloud live has in common: calls that fail as data, parts that end with an outcome."""
