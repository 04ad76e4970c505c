"""What everything else stands on: errors, files, hyperparameter specifications, inputs, TensorFlow's import."""
