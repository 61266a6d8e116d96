"""Many runs on one machine: a queue over its devices, several runs side by side on each, a process for every run."""
