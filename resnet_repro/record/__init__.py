"""The run folder: its files, how they are written and read, and who may write. Reading needs no torch."""
