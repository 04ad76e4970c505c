"""From any picture of digits to the 28x28 pixels that a network reads."""
