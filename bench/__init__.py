"""How fast journeystream is, beside its rivals and beside what is possible at all."""
