"""Changes written in the forms that people apply, with the way back."""
