"""From runs to what they say together: groups that may be compared, means over seeds, the two effects."""
