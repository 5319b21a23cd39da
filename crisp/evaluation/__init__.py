"""Evaluate a model on test samples and test videos."""
