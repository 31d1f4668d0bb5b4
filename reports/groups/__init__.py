"""What is written alike in several accounts, so that it can be told, decided and mended once."""
