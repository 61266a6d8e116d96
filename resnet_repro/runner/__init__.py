"""One run from its spec to its folder: the only place where net, data, training and record meet."""
