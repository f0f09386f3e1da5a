"""Conformance vectors of wire format 1, the generator that makes them, and their replay on both sides."""
