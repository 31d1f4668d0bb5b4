"""How the comparison with baselines is shown."""
