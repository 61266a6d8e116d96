"""Sends what run folders hold to TensorBoard or to Weights & Biases, and follows runs that still train.

It only reads run folders, so that it serves every way of training alike and cannot change a run.
"""
