"""Trained models as files that other programs load: one module for each format, and what they share."""
