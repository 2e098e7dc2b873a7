"""HTTP API: the table of operations, their schemas and handlers."""
