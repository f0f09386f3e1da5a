"""The policy file: schema, loading, lint."""
