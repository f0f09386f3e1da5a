"""What the RP2 port has otherwise: a module here takes the place of its namesake, which it finds as `_base_<name>`."""
