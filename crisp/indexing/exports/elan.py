"""ELAN document (EAF 3.0), linked to the video: tiers for strokes, their confidence, and the annotation.

Each player has tiers of his own, ``strokes@left``, of which he is the participant.

The classes are a controlled vocabulary, so that a label is corrected by selecting another one.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from crisp.core.files import replacing
from crisp.core.frame_times import FrameTimes
from crisp.core.views import view
from crisp.study.annotations import Stroke
from crisp.study.index_file import IndexedStroke, IndexFile

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
LANGUAGE = "und"
LANGUAGE_URL = "http://cdb.iso.org/lg/CDB-00130975-001"
STROKE, SCORE = "stroke", "score"  # types of tiers
TIERS = ("probability", "any stroke")  # confidence in the class, and in any stroke


def write(path: Path, index: IndexFile) -> None:
    """Write the strokes of an index as an ELAN document."""
    document = Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": f"CRISP {index.crisp}",
            "DATE": datetime.now().astimezone().isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{XSI}noNamespaceSchemaLocation": SCHEMA,
        },
    )
    header = SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    _media(header, path, Path(index.video.path))
    order = SubElement(document, "TIME_ORDER")
    numbers = count(1)
    times = index.times
    for player in index.player_names:
        of_strokes = view("strokes", player)
        found = _tier(document, of_strokes, STROKE, player)
        tiers = {tier: _tier(document, view(tier, player), SCORE, player, of_strokes) for tier in TIERS}
        for stroke in (one for one in index.strokes if one.player == player):
            name = _aligned(found, order, stroke, times, numbers)
            if stroke.probability is None:
                continue
            for tier, value in zip(TIERS, (stroke.probability, stroke.score), strict=True):
                annotation = SubElement(tiers[tier], "ANNOTATION")
                about = {"ANNOTATION_ID": f"a{next(numbers)}", "ANNOTATION_REF": name}
                reference = SubElement(annotation, "REF_ANNOTATION", about)
                SubElement(reference, "ANNOTATION_VALUE").text = f"{value:.2f}"
    truth = index.truth or ()
    for player in sorted({one.player for one in truth}):
        for number, lane in enumerate(_lanes(one for one in truth if one.player == player), start=1):
            of_truth = view("truth" if number == 1 else f"truth {number}", player)
            row = _tier(document, of_truth, STROKE, player)
            for one in lane:
                _aligned(row, order, one, times, numbers)
    order[:] = sorted(order, key=lambda slot: int(slot.attrib["TIME_VALUE"]))
    SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"}).text = str(next(numbers) - 1)
    _types(document, index.labels)
    indent(document)
    with replacing(path) as beside:
        ElementTree(document).write(beside, encoding="UTF-8", xml_declaration=True)


def _media(header: Element, path: Path, video: Path) -> None:
    """Add the link to the video, absolute and relative, in case both are moved."""
    relative = Path(os.path.relpath(video, os.path.realpath(path.parent))).as_posix()
    about = {
        "MEDIA_URL": video.as_uri(),
        "MIME_TYPE": mimetypes.guess_type(video.name)[0] or "unknown",
        "RELATIVE_MEDIA_URL": relative if relative.startswith(".") else f"./{relative}",
    }
    SubElement(header, "MEDIA_DESCRIPTOR", about)


def _tier(document: Element, name: str, kind: str, player: str, parent: str = "") -> Element:
    about = {"TIER_ID": name, "LINGUISTIC_TYPE_REF": kind, "PARENT_REF": parent, "PARTICIPANT": player}
    return SubElement(document, "TIER", {key: value for key, value in about.items() if value})


def _aligned(
    tier: Element, order: Element, one: Stroke | IndexedStroke, times: FrameTimes, numbers: count
) -> str:
    """Add a stroke with its two times to a tier; return the annotation's id."""
    name = f"a{next(numbers)}"
    slots = [f"t{name}b", f"t{name}e"]
    for slot, frame in zip(slots, (one.begin, one.end), strict=True):
        about = {"TIME_SLOT_ID": slot, "TIME_VALUE": str(round(times.time_of(frame) * 1000))}
        SubElement(order, "TIME_SLOT", about)
    about = {"ANNOTATION_ID": name, "TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]}
    annotation = SubElement(SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", about)
    SubElement(annotation, "ANNOTATION_VALUE").text = one.label
    return name


def _lanes(strokes: Iterable[Stroke]) -> list[list[Stroke]]:
    """Distribute strokes over as few tiers as possible, as those of a tier must not overlap."""
    lanes: list[list[Stroke]] = []
    for one in sorted(strokes, key=lambda stroke: stroke.begin):
        free = next((lane for lane in lanes if lane[-1].end <= one.begin), None)
        if free is None:
            lanes.append([one])
        else:
            free.append(one)
    return lanes


def _types(document: Element, classes: Iterable[str]) -> None:
    """Add the tier types: strokes named from a vocabulary, and numbers for each."""
    SubElement(
        document,
        "LINGUISTIC_TYPE",
        {
            "LINGUISTIC_TYPE_ID": STROKE,
            "TIME_ALIGNABLE": "true",
            "GRAPHIC_REFERENCES": "false",
            "CONTROLLED_VOCABULARY_REF": "classes",
        },
    )
    SubElement(
        document,
        "LINGUISTIC_TYPE",
        {
            "LINGUISTIC_TYPE_ID": SCORE,
            "TIME_ALIGNABLE": "false",
            "GRAPHIC_REFERENCES": "false",
            "CONSTRAINTS": "Symbolic_Association",
        },
    )
    about = {"LANG_ID": LANGUAGE, "LANG_DEF": LANGUAGE_URL, "LANG_LABEL": "undetermined (und)"}
    SubElement(document, "LANGUAGE", about)
    about = {"STEREOTYPE": "Symbolic_Association", "DESCRIPTION": "1-1 association with a parent annotation"}
    SubElement(document, "CONSTRAINT", about)
    vocabulary = SubElement(document, "CONTROLLED_VOCABULARY", {"CV_ID": "classes"})
    SubElement(vocabulary, "DESCRIPTION", {"LANG_REF": LANGUAGE})
    for number, name in enumerate(classes, start=1):
        entry = SubElement(vocabulary, "CV_ENTRY_ML", {"CVE_ID": f"class-{number}"})
        SubElement(entry, "CVE_VALUE", {"LANG_REF": LANGUAGE}).text = name
