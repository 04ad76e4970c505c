"""Trained models: loading them, learning from them, and measuring how good they are."""
