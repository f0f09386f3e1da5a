"""byleave hw_sim: the unmodified firmware on simulated silicon, in virtual time."""
