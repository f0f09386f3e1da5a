"""Wire format version 1, server side."""
