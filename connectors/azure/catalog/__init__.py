"""Facts about the cloud as data files, each with its source and date, and their readers."""
