"""What the facts mean; knows no cloud by name."""
