"""Shared by all packages: errors, files, formats, plots."""
