"""Agreement of the annotators of the same videos: figures, disagreements, a page and a picture."""
