"""Raw flash structures."""
