"""The checks of a study, each of one kind of input."""
