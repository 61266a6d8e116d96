"""One run from its spec to its folder. Only this package imports net, data, training and record together."""
