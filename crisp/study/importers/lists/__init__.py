"""Data sets that come as lists of videos with labels and splits: a module for each form."""
