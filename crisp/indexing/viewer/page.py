"""Write the page from its template, styles, scripts and packed data, without external resources."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from crisp.core.errors import fail
from crisp.core.files import digest
from crisp.core.html_pages import render, write_html
from crisp.study.annotations import Stroke
from crisp.study.index_file import IndexedProbabilities, IndexedStroke, IndexFile

TITLE, HEAD = b"<title>CRISP viewer</title>", 1000  # must occur within that many first bytes of a page
TEMPLATE = "indexing/viewer/page.html"
SOURCES = Path(__file__).parent
# In order of dependency.
SCRIPTS = (
    "data.js",
    "players.js",
    "times.js",
    "places.js",
    "drafts.js",
    "annotation.js",
    "comparison.js",
    "player.js",
    "view.js",
    "curves.js",
    "timeline.js",
    "pointing.js",
    "layout.js",
    "strokes.js",
    "fields.js",
    "acts.js",
    "saving.js",
    "marking.js",
    "keys.js",
    "page.js",
)


class Links(NamedTuple):
    """URLs in a page: its video, its index, and the video to copy if it differs from that of the index.

    `proxy` is whether its video is a copy at a constant rate, `explained` the folder of pictures of what the
    model looks at.
    """

    video: str
    source: str = "index.json"
    moved: str = ""
    proxy: bool = False
    explained: str = ""


class Mark(NamedTuple):
    """A class of new strokes: the key that begins and ends one, and its colour, ``#rrggbb``, or none."""

    label: str
    key: str = ""
    colour: str = ""


class Labelling(NamedTuple):
    """What makes a page one on which a video is labelled without a model.

    `version` is that of the annotation file shown, `begun` whether that is unfinished; `save` and `list` are
    the URLs where `crisp serve` takes the annotation and lists all videos, `command` makes the page again.
    """

    marks: Sequence[Mark]
    version: str = ""
    begun: bool = False
    save: str = ""
    list: str = ""
    command: str = ""


def write_page(path: Path, index: IndexFile, links: Links, labelling: Labelling | None = None) -> None:
    """Write the page of an index, or of a video that is labelled.

    Parameters
    ----------
    path : path-like
    index : IndexFile
    links : Links
    labelling : Labelling, optional

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    write_html(path, TEMPLATE, **_values(index, links, labelling))


def render_page(index: IndexFile, links: Links, labelling: Labelling) -> str:
    """Return the page of a video that is labelled.

    Parameters
    ----------
    index : IndexFile
    links : Links
    labelling : Labelling

    Returns
    -------
    str
    """
    return render(TEMPLATE, **_values(index, links, labelling))


def _values(index: IndexFile, links: Links, labelling: Labelling | None) -> dict[str, Any]:
    scripts = "\n".join(map(_source, SCRIPTS))
    return {"css": _source("page.css"), "js": scripts, "data": pack_index(index, links, labelling)}


def check_target(path: Path) -> None:
    """Refuse to overwrite a file that is not a viewer page.

    Raises
    ------
    CrispError
        If it is another file, e.g. an annotation given by mistake.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head and TITLE not in head:
        expected, remedy = "nothing, or a page of the viewer", "choose another --out; the file is unchanged"
        raise fail(path, "another file would be overwritten by the page", expected, "another file", remedy)


def _source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def pack_index(index: IndexFile, links: Links, labelling: Labelling | None = None) -> dict[str, Any]:
    """Pack the data that the page needs from an index.

    Parameters
    ----------
    index : IndexFile
    links : Links
    labelling : Labelling, optional

    Returns
    -------
    dict
    """
    video, model, truth = index.video, index.model, index.truth
    given = PurePath(index.annotations or "").name
    # Depends on the annotation, not on the detected strokes: corrections survive a better model.
    known = truth and [dict(zip(Stroke._fields, stroke.row, strict=False)) for stroke in truth]
    lasting = [video.id, video.frames, video.sha256, known]
    key = digest(lasting)[:16]
    return {
        "key": key,
        "base": key,
        "begun": False,
        "marks": None,
        "save": "",
        "list": "",
        "command": "",
        "index": links.source,
        "moved": links.moved,
        "explained": links.explained,
        "file": given or f"{video.id}.xml",
        "video": {
            "src": links.video,
            **{key: getattr(video, key) for key in ("id", "fps", "frames", "width", "height")},
            "times": video.times,
            "proxy": links.proxy,
            "variable": video.variable_rate and not video.times,
        },
        "model": model.variant or "",
        "classes": model.classes,
        "negative": model.negative,
        "strokes": [
            [
                stroke.begin,
                stroke.end,
                stroke.label,
                _class_probability(stroke),
                round(stroke.score, 3),
                stroke.cut or "",
                [round(stroke.scores.get(name, 0), 3) for name in model.classes],
                *([stroke.player] if stroke.player else []),
            ]
            for stroke in index.strokes
        ],
        "truth": truth and [stroke.row for stroke in truth],
        "annotated": truth is not None,
        "warnings": index.warnings,
        "players": [
            {
                "name": track.name,
                "probabilities": _probabilities(track.probabilities),
                "roi": {
                    "stride": track.roi_stride or 1,
                    "size": track.roi_size,
                    "points": np.round(np.asarray(track.roi or [], float)).astype(int).ravel().tolist(),
                },
            }
            for track in index.tracks
        ],
    } | (_labelled(index, labelling) if labelling else {})


def _labelled(index: IndexFile, labelling: Labelling) -> dict[str, Any]:
    """Pack what differs on a page without a model: drafts belong to the video, whatever its file holds."""
    video = index.video
    return {
        "key": digest([video.id, video.frames, video.sha256])[:16],
        "base": labelling.version,
        "marks": [one._asdict() for one in labelling.marks],
        **{key: getattr(labelling, key) for key in ("begun", "save", "list", "command")},
    }


def _class_probability(stroke: IndexedStroke) -> float | None:
    """Return the probability of the stroke's class; in schema 1, it is among all classes or missing."""
    found = stroke.scores.get(stroke.label) if stroke.probability is None else stroke.probability
    return None if found is None else round(found, 3)


def _probabilities(given: IndexedProbabilities | None) -> dict[str, Any] | None:
    """Pack probabilities as bytes of 1/255, class by class, in base 64."""
    if not given or not given.values:
        return None
    values = np.rint(np.asarray(given.values, float).T * 255).astype(np.uint8)
    return {
        "stride": given.stride,
        "first": given.first,
        "classes": given.classes,
        "count": values.shape[1],
        "bytes": base64.b64encode(values.tobytes()).decode(),
    }
