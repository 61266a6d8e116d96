"""The papers' data set, CIFAR-10, recognised by the digest of its content and by nothing else."""

# The SHA-256 of each split, as `resnet_repro.data.dataset.content_digest` computes it.
TRAIN_DIGEST = "72083841cd0fa633f09b24c0833cf6d6a1809caff400317117334e0aa6b0ed46"
TEST_DIGEST = "f1bbb931260cda782c84c1948c82d910e2c193cb1d56756293f445027090946b"
CIFAR10_DIGEST = f"{TRAIN_DIGEST} {TEST_DIGEST}"  # as a run records it
CIFAR10_NAME = "CIFAR-10"
