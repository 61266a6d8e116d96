"""Trains a module on mini-batches by SGD, [R] section 4.2. It imports neither `models` nor `data`."""
