"""Metrics, plots and pages of a whole study."""
