"""Factory reset: what is personal on a board is destroyed, and that is proven."""
