"""Samples and volumes become tensors."""
