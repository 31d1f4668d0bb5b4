"""What today's logs could have shown, and what they could not."""
