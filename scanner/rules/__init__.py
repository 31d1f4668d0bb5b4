"""One file per finding type."""
