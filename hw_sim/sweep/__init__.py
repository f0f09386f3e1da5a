"""The sweep: the power goes at every flash operation and every network step of a run, and every promise is looked at again."""
