"""Wire format version 1, device side."""
