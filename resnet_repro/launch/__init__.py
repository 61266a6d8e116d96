"""Many runs on one machine: a queue over its devices, with several runs side by side on each.

On the CPU each run has its own process; the runs of a GPU are threads of one process.
"""

DATA_DIR_VARIABLE = "RESNET_REPRO_DATA"  # names the folder of CIFAR-10, for commands and from Python
