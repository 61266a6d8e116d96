"""What stored weights are for: measuring a finished run again, and handing its net to others."""
