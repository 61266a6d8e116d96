"""Many runs, on one machine or a Ray cluster: a queue over the devices, several runs side by side on each.

On the CPU each run has its own process; the runs of a GPU are threads of one process.
"""

DATA_DIR_VARIABLE = "RESNET_REPRO_DATA"  # names the folder of CIFAR-10, for commands and from Python
