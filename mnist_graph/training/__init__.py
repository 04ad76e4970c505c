"""What surrounds a training: batches, checkpoints, the run's folder, evaluation, cores."""
