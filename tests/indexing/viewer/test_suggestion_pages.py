"""Pages of suggestions: what they show of a video, and a stroke labelled in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.indexing.viewer.suggestion_pages import build_index, make_suggestion_pages
from crisp.report.suggestions import Suggestion, Suggestions
from crisp.study import load, tables
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.config import Study
from crisp.study.samples import UNKNOWN, Sample
from crisp.study.tables import Annotation, VideoRow
from tests import stagefiles
from tests.indexing.viewer.conftest import LOADED, until
from tests.indexing.viewer.using import press, save

BOTH = "left=0,0,0.5,1; right=0.5,0,1,1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def study(annotations: dict[str, list[Stroke]], regions: str = "", step: int = 1, **changes: Any) -> Study:
    """Return a study of a video of 20 frames, or of every `step`-th of them, with these annotation files."""
    row = VideoRow("v", "v.mp4", fps=25, regions=regions, frame_step=step)
    task = changes.get("task", "classification")
    tables.write_videos("videos.tsv", [row])
    tables.write_annotations("annotations.tsv", [Annotation("v", path, task) for path in annotations])
    for path, strokes in annotations.items():
        write_annotation(path, strokes)
    made = load.resolve_study(
        {
            "study": "s",
            "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
            "classes": ["Hit", "Push", "Negative"],
            "variants": [{"name": "rgb"}],
            **changes,
        }
    )
    stagefiles.write(made.volumes / "v", np.zeros((20, 8, 8, 3), np.uint8), fps=25)
    return made


def suggested(*places: tuple[str, int, int], pool: tuple[tuple[str, int, int], ...] = ()) -> Suggestions:
    """Return suggestions of these places, guessed to be a Push, of these and those of the pool."""
    samples = [Sample(*place, UNKNOWN, "stroke", "{}:{}-{}".format(*place)) for place in (*places, *pool)]
    found = [
        Suggestion(number, one.sample, one.video, one.begin, one.end, "Push", 0.5, 1.0, (0.2, 0.7, 0.1))
        for number, one in enumerate(samples[: len(places)], start=1)
    ]
    return Suggestions(found, "rgb", samples, 0)


def test_all_stretches_of_a_video_without_annotation_are_unknown_strokes() -> None:
    made, found = study({}), suggested(("v", 5, 10), pool=(("v", 0, 5), ("v", 10, 20), ("other", 0, 9)))
    index = build_index(made, "v", None, found.suggestions, found)
    assert index.truth == (Stroke(0, 5, UNKNOWN), Stroke(5, 10, UNKNOWN), Stroke(10, 20, UNKNOWN))
    (guess,) = index.strokes
    assert (guess.begin, guess.end, guess.label, guess.probability) == (5, 10, "Push", 0.7)
    assert guess.score == pytest.approx(0.9)
    assert (index.annotations, index.players) == (None, ())


def test_strokes_of_players_in_frames_of_the_file() -> None:
    made = study({}, BOTH, step=3)
    found = suggested(("v@left", 2, 4), pool=(("v@right", 0, 7),))
    index = build_index(made, "v", None, found.suggestions, found)
    assert index.truth == (Stroke(0, 20, UNKNOWN, "right"), Stroke(6, 12, UNKNOWN, "left")), "not 21"
    assert (index.strokes[0].begin, index.strokes[0].end, index.strokes[0].player) == (6, 12, "left")
    assert [player.name for player in index.players] == ["left", "right"]
    pages = make_suggestion_pages(made, found, Path("out"), "study.yaml")
    assert pages.links == {"v@left:2-4": "v.html#frame=6&player=left"}


def test_each_annotation_file_has_its_page() -> None:
    files = {
        "a.xml": [Stroke(0, 4, "Hit"), Stroke(5, 9, UNKNOWN)],
        "b.xml": [Stroke(10, 14, "unknown")],
        "c.xml": [Stroke(15, 19, "Hit")],
    }
    made, found = study(files), suggested(("v", 5, 9), ("v", 10, 14))
    pages = make_suggestion_pages(made, found, Path("out"), "study.yaml")
    assert pages.links == {"v:5-9": "v.html#frame=5", "v:10-14": "v.2.html#frame=10"}
    assert not Path("out/v.3.html").exists()
    index = build_index(made, "v", made.annotations[0], found.suggestions[:1], found)
    assert index.truth == tuple(files["a.xml"]), "as in its file"
    assert Path(index.annotations or "").name == "a.xml"


def test_in_the_detection_task_no_stretch_is_called_a_stroke() -> None:
    made = study({}, task="detection", classes=["Stroke", "Negative"])
    found = suggested(("v", 5, 10))
    found = found._replace(
        suggestions=[found.suggestions[0]._replace(guess="Stroke", probabilities=(0.6, 0.4))]
    )
    index = build_index(made, "v", None, found.suggestions, found)
    assert index.truth == ()
    assert [one.label for one in index.strokes] == ["Stroke"]


def test_folder_of_other_files_is_refused() -> None:
    made, found = study({}), suggested(("v", 5, 10))
    Path("site").mkdir()
    Path("site/index.html").write_text("my page")
    with pytest.raises(CrispError, match="site: folder holds other files"):
        make_suggestion_pages(made, found, Path("site"), "study.yaml")
    assert [path.read_text() for path in Path("site").iterdir()] == ["my page"]


def test_suggestion_is_labelled_by_a_key(open_page: Any, indexed: dict[str, Any], tmp_path: Path) -> None:
    bounds = [(one["begin"], one["end"]) for one in indexed["truth"]]
    truth = [{"begin": begin, "end": end, "label": UNKNOWN} for begin, end in bounds]
    guess = {**indexed["strokes"][0], "begin": bounds[1][0], "end": bounds[1][1]}
    page = open_page({**indexed, "truth": truth, "strokes": [guess], "annotations": None})
    page.evaluate(f"location.hash = '#frame={bounds[1][0]}'")
    page.reload()
    until(page, LOADED)
    press(page, "1")
    path, saved = save(page, tmp_path)
    assert path.name == f"{indexed['video']['id']}.xml"
    likely = max(guess["scores"], key=guess["scores"].get)
    assert [one.label for one in saved] == [UNKNOWN, likely, UNKNOWN, UNKNOWN]
    assert [one[:2] for one in saved] == bounds
