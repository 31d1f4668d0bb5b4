"""Who there is: identities, their credentials, what runs as them, and the signs of AI."""
