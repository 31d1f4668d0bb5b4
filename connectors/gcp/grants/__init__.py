"""What is written and what it comes to: grants, limits above them, and single decisions."""
