"""The gcp wing: the same rooms as the other clouds, its own policy language inside."""
