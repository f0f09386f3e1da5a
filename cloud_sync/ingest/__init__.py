"""From envelope to store."""
