"""A whole study in figures, pictures and pages."""
