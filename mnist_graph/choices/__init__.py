"""What some hyperparameters choose between: activations, optimizers, initializers and learning-rate schedules.

Each is one table of names and functions. To add a choice, add an entry to its
table: the flag, its help and the error messages are made from the table.

Flags are parsed before TensorFlow is imported, so nothing here imports it; the
functions are given `tensorflow.compat.v1` as their first argument, `tf`.
"""
