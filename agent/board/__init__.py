"""A board on a cable: its prompt, and what is done there."""
