"""Read the files that the cloud's own tools write, as the raw records that live collection gives."""
