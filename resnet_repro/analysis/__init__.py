"""Groups of runs that may be compared, means over seeds, and the two effects that the papers are about."""
