"""What the commands share: flags, errors, signals, progress lines and output formats."""
