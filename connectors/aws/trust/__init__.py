"""Who may become whom: by a role's trust, a token, a key or a federation."""
