"""Where logs lie, in objects or tables, and the queries that group them there."""
