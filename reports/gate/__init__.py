"""How the decision of a promotion gate is shown."""
