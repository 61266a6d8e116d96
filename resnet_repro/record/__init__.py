"""The run folder: its files, how they are read and written, and which process may write. Needs no torch."""
