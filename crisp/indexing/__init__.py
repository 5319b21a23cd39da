"""Index new videos: strokes, exports and pages."""
