"""A warehouse kept as a log of events, with every past state within reach."""
