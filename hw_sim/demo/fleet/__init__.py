"""A fleet of byleave's devices: sealed, judged and counted. A composition root: it imports the products."""
