"""One run from its spec to its folder. Puts net, data, training and record together."""
