"""Ask the cloud itself: read-only calls whose failures are data, raw records out."""
