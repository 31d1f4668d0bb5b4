"""What changed: over time, against what was approved, and between stages."""
