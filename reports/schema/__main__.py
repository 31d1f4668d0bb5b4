"""Write the committed JSON Schema of the report anew: `python -m reports.schema`."""

from reports import schema

if __name__ == "__main__":
    schema.PATH.write_bytes(schema.generate())
