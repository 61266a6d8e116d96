"""Many runs on one machine: a queue over its devices, several runs side by side on each.

On the CPU every run is a process; on a GPU the runs are threads of one process.
"""
