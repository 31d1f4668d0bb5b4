"""What exists and what happened in each cloud; knows no verdict."""
