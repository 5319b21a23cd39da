"""The checks of a study, one module per kind of input."""
