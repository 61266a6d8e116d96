"""Uses the final weights of a run: evaluates its net again, makes it deeper, and exports it."""
