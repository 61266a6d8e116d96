"""Uses the final weights of a run: evaluates its net again, and exports it for others."""
