"""What an old script finds in place of TensorFlow 1. Importing this package changes nothing; `running.run` does."""
