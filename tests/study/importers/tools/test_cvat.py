"""CVAT for video 1.1, written after its public documentation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from crisp.study import importers
from crisp.study.annotations import Stroke
from crisp.study.importers import tools
from tests.study.importers.tools import about, imported, refused, rows, strokes

pytestmark = pytest.mark.usefixtures("films")


def meta(*sources: str, more: str = "") -> str:
    """One task, whose video is named beside it, or a project of several, which are named as their videos."""
    named = sources or ("a.mp4",)
    tasks = [
        f"<task><id>{number}</id><name>{name if len(named) > 1 else 'game'}</name>{more}</task>"
        for number, name in enumerate(named, start=7)
    ]
    if len(named) > 1:
        return f"<meta><project><tasks>{''.join(tasks)}</tasks></project><dumped>2026-03-01</dumped></meta>"
    return f"<meta>{tasks[0]}<dumped>2026-03-01</dumped><source>{named[0]}</source></meta>"


def shape(frame: int, outside: int = 0, kind: str = "box", **attributes: str) -> str:
    inner = "".join(
        f"<attribute name={quoteattr(name)}>{text}</attribute>" for name, text in attributes.items()
    )
    return (
        f'<{kind} frame="{frame}" outside="{outside}" occluded="0" keyframe="1" xtl="1" ytl="1" xbr="9" '
        'ybr="9">'
        f"{inner}</{kind}>"
    )


def track(number: int, label: str, shapes: Iterable[str], more: str = "") -> str:
    return f'<track id="{number}" label={quoteattr(label)} source="manual" {more}>{"".join(shapes)}</track>'


def written(*parts: str, name: str = "annotations.xml") -> Path:
    path = Path("films", name)
    text = "\n".join(
        ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>", *parts]
    )
    path.write_text(f"{text}\n</annotations>", encoding="utf-8")
    return path


def test_tracks_last_while_they_are_visible() -> None:
    path = written(
        meta(),
        track(0, "Serve", [*(shape(frame) for frame in range(10, 20)), shape(20, outside=1)]),
        track(1, "Push & hit", [shape(30), shape(35), shape(40, 1), shape(50, kind="polygon"), shape(55, 1)]),
        track(2, "Push & hit", [shape(60), shape(69)]),
    )
    assert importers.detect_layout(Path("films")) == importers.detect_layout(path) == "cvat"
    report = imported(path)
    assert strokes() == [
        Stroke(10, 20, "Serve"),
        Stroke(30, 40, "Push & hit"),
        Stroke(50, 55, "Push & hit"),
        Stroke(60, 70, "Push & hit"),
    ]
    assert not about(report, "annotations.xml")


def test_skeletons_last_while_a_point_is_visible() -> None:
    def skeleton(frame: int, *outside: int) -> str:
        points = "".join(
            f'<points label="{n}" outside="{one}" points="1,1"/>' for n, one in enumerate(outside)
        )
        return f'<skeleton frame="{frame}" keyframe="1">{points}</skeleton>'

    imported(written(meta(), track(0, "Serve", [skeleton(3, 0, 0), skeleton(7, 0, 1), skeleton(9, 1, 1)])))
    assert strokes() == [Stroke(3, 9, "Serve")]


def player(action: str, who: str = "Anna") -> dict[str, str]:
    return {"action": action, "name": who}


def test_an_attribute_of_a_track_is_the_class() -> None:
    actions = [
        *(shape(f, **player("Serve")) for f in range(5)),
        *(shape(f, **player("")) for f in range(5, 9)),
    ]
    actions += [
        shape(9, **player("Push")),
        shape(12, **player("Push", "Ben")),
        shape(20, 1, **player("Push")),
    ]
    path = written(meta(), track(0, "person", actions), track(1, "ball", [shape(0), shape(9)]))
    report = imported(path, label_from=("action",), tiers=("person",))
    assert strokes() == [Stroke(0, 5, "Serve"), Stroke(9, 20, "Push")]
    assert about(report, "1 label skipped: no class")[0].found == "track 0"


def test_an_attribute_of_a_track_is_the_player() -> None:
    boxes = [shape(0, **player("Serve")), shape(5, **player("Push")), shape(9, 1, **player("Push"))]
    others = [shape(3, **player("Push", "Ben")), shape(9, 1, **player("Push", "Ben"))]
    imported(written(meta(), track(0, "Hit", boxes), track(1, "Hit", others)), player_from="name")
    assert strokes() == [Stroke(0, 9, "Hit", "Anna"), Stroke(3, 9, "Hit", "Ben")]


def test_a_task_of_every_fifth_frame() -> None:
    step = "<start_frame>10</start_frame><frame_filter>step=5</frame_filter>"
    imported(written(meta(more=step), track(0, "Serve", [shape(10), shape(15), shape(20)])))
    assert strokes() == [Stroke(10, 25, "Serve")]


def test_shapes_of_one_frame_are_no_strokes() -> None:
    report = imported(
        written(meta(), track(0, "Serve", [shape(3), shape(4, 1)]), track(1, "Push", [shape(5)]))
    )
    assert strokes() == []
    assert about(report, "2 labels skipped: no end (a point event)")[0].found == "track 0, track 1"


def test_tags_of_frames() -> None:
    def image(frame: int, *labels: str) -> str:
        tags = "".join(
            f'<tag label="{label}" source="manual"><attribute name="who">Anna</attribute></tag>'
            for label in labels
        )
        return f'<image id="{frame - 10}" name="frame_{frame:06}" width="64" height="48">{tags}</image>'

    images = [image(f, "Serve") for f in range(10, 15)] + [image(15, "Serve", "Push"), image(16, "Push")]
    images += [image(17), image(20, "Serve"), image(21, "Serve"), image(40, "Push")]
    report = imported(written(meta(), *images), player_from="who")
    assert strokes() == [Stroke(10, 16, "Serve"), Stroke(15, 17, "Push"), Stroke(20, 22, "Serve")]
    assert rows()["a.mp4"].group == "Anna"
    assert about(report, "1 label skipped: no end (a point event)")[0].found == "frame 40"


def test_a_project_of_two_tasks() -> None:
    parts = [
        track(0, "Serve", [shape(0), shape(9, 1)], 'task_id="7"'),
        track(1, "Push", [shape(5), shape(9, 1)], 'task_id="8"'),
    ]
    imported(written(meta("C:/lab/A.MP4", "videos/Match é.mp4"), *parts))
    assert (strokes("a"), strokes("Match")) == ([Stroke(0, 9, "Serve")], [Stroke(5, 9, "Push")])


def test_a_file_that_names_no_video_is_of_the_same_name() -> None:
    imported(written(track(0, "Serve", [shape(0), shape(9, 1)]), name="a.xml"))
    assert strokes() == [Stroke(0, 9, "Serve")]


def test_frames_beyond_the_video() -> None:
    many = [shape(90), shape(200, 1)]
    report = imported(written(meta(), track(0, "Serve", many), track(1, "Push", [shape(500), shape(600, 1)])))
    assert strokes() == [Stroke(90, 100, "Serve")]
    assert about(report, "1 label cut at the end of the video")[0].found == "films/annotations.xml, track 0"
    assert about(report, "1 label left out, after the video")[0].found == "films/annotations.xml, track 1"


def test_ten_thousand_tracks_of_boxes() -> None:
    tracks = [track(n, "Push", [shape(n % 90 + f) for f in range(10)]) for n in range(10_000)]
    imported(written(meta(), *tracks))
    assert len(strokes()) == 90


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<annotations><track>", "not well-formed XML"),
        (b"<video/>", "not an annotation file of CVAT"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "a DOCTYPE"),
        (b'<annotations><track id="3"><box frame="-1"/></track></annotations>', "track 3: bad frame"),
        (b'<annotations><track id="3"><box frame="9999999999"/></track></annotations>', "track 3: bad frame"),
        ("<annotations>\u0416</annotations>".encode("cp1251"), "text in another encoding"),
    ],
)
def test_damaged_files(content: bytes, words: str) -> None:
    Path("films/a.xml").write_bytes(content)
    refused(Path("films/a.xml"), f"films/a.xml.*[\\s\\S]*{words}", layout="cvat")


def test_annotations_of_crisp_are_not_of_cvat() -> None:
    path = Path("films/a.xml")
    path.write_text('<video><action begin="0" end="9" move="Hit"/></video>')
    assert tools.format_of(path) == ""
