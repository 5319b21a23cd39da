"""Version of each stage's computation.

Editing Python code makes Snakemake rerun nothing. Raise a number here when a stage's result
changes: it is a parameter of the stage's rule, so the stage and all that follows run again.
"""

INDEX = 2  # of the index that the viewer reads
INDEX_OF_PLAYERS = 3  # of one with players, which earlier versions would read as strokes of nobody

STAGES = {
    "demo": 1,
    "frames": 1,
    "flow": 2,
    "roi": 3,
    "pose": 1,
    "features": 1,
    "volume": 1,
    "strokes": 1,
    "agreement": 1,
    "split": 1,
    "normalisation": 1,
    "train": 4,
    "evaluate": 4,
    "fuse": 1,
    "detect": 3,
    "summary": 5,
    "quality": 3,
}
