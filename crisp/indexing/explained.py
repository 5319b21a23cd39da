"""Pictures of what the model looks at in the strokes that it finds in a video."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from crisp.clips import normalisation
from crisp.clips.augmentation import centred
from crisp.clips.reader import ClipReader
from crisp.core.progress import progress
from crisp.core.views import REGION, view
from crisp.evaluation.explanation import explain_clip
from crisp.evaluation.explanation_plot import ExplainedClip, plot_explanations
from crisp.indexing.model import Model, Options
from crisp.study.index_file import EXPLAINED, IndexedStroke, IndexFile

NAME = re.compile(rf"\d+-\d+({REGION})?\.png")


def explain_strokes(folder: Path, index: IndexFile, step: int, model: Model, options: Options) -> None:
    """Draw each stroke of an index: ``explained/<begin>-<end>.png``, in place of those of an earlier index.

    That of a player is ``<begin>-<end>@<player>.png``.

    Parameters
    ----------
    folder : Path
        Folder of the index and of the video's stage files.
    index : IndexFile
    step : int
        Every `step`-th frame of the file is in the stage files.
    model : Model
    options : Options
        The sides to which the players play.

    Raises
    ------
    CrispError
        If a stage file is damaged, or a picture cannot be written.
    """
    target = folder / EXPLAINED
    target.mkdir(exist_ok=True)
    for path in target.iterdir():
        if NAME.fullmatch(path.name):
            path.unlink()
    given = folder, model.variant.streams, model.variant.flow, model.variant.pose_norm
    readers = {
        track.name: ClipReader(*given, track.name, options.is_mirrored(track.name)) for track in index.tracks
    }
    strokes = progress(index.strokes, "strokes", f"{index.video.id} explanations", len(index.strokes))
    for stroke in strokes:
        clip = _explained(readers[stroke.player], stroke, step, model)
        title = f"{view(index.video.id, stroke.player)}: what the model looks at"
        name = view(f"{stroke.begin}-{stroke.end}", stroke.player)
        plot_explanations(target / f"{name}.png", title, [clip], "")


def _explained(reader: ClipReader, stroke: IndexedStroke, step: int, model: Model) -> ExplainedClip:
    """Explain the middle of a stroke."""
    size, scale = model.variant.size, model.about["normalisation"]
    draw = centred(stroke.begin // step, -(-stroke.end // step), size[0])
    arrays = reader.clip(draw, size, normalisation.from_json(scale) if scale else None)
    clip = {stream: torch.from_numpy(frames) for stream, frames in arrays.items()}
    found = explain_clip(model.network, clip, model.classes.index(stroke.label))
    name = f"frames {stroke.begin} to {stroke.end}"
    return ExplainedClip(name, "", stroke.label, stroke.score, draw.begin * step, clip, found, step)
