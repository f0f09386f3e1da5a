"""byleave agent: flashes, enrols and bridges devices; home of the `byleave` command."""
