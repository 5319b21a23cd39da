"""New videos: their strokes, exports and pages."""
