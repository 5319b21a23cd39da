"""The pages and pictures of finished studies, in a browser and as drawn: nothing cut, all readable."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crisp.report import summary
from crisp.study.config import Study
from tests import finished
from tests.drawn import Drawn, covered, cut, record

HANDS = ("Forehand", "Backhand")
TTSTROKE = [
    *(f"Defensive {hand} {kind}" for hand in HANDS for kind in ("Backspin", "Block", "Push")),
    *(f"Offensive {hand} {kind}" for hand in HANDS for kind in ("Flip", "Hit", "Loop")),
    *(f"Serve {hand} {kind}" for hand in HANDS for kind in ("Backspin", "Loop", "Sidespin", "Topspin")),
    "Negative",
]
LONG_VARIANT = "flow-with-a-name-that-says-every-key-by-which-it-differs-from-the-others"
LONG_VIDEO = "a-video-of-a-match-with-a-name-that-is-longer-than-it-had-to-be"
STUDIES: dict[str, dict[str, Any]] = {
    "odd names": {},
    "21 classes, 10 folds": {
        "classes": TTSTROKE,
        "videos": [f"{LONG_VIDEO}-{number}" for number in range(10)],
        "skill": {"rgb": 0.0, LONG_VARIANT: 1.5},
        "seeds": [1],
        "split": {"method": "leave_one_group_out"},
    },
    "two long classes": {
        "classes": [finished.LONG, "Negative"],
        "skill": {"flow": 1.0},
        "seeds": [1],
    },
}


class Finished(NamedTuple):
    """A study in its folder, the texts of each of its pictures, and what the verbs printed."""

    folder: Path
    study: Study
    pictures: dict[str, list[Drawn]]
    said: str


SLOW = "21 classes, 10 folds"


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow) if name == SLOW else name for name in STUDIES],
)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]
) -> Finished:
    """A finished study, with every text as it is drawn."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pictures = record(patch)
        study = finished.build(make_video, **STUDIES[request.param])
        said = finished.summarise(study)
    return Finished(folder, study, pictures, said)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_text_is_inside_its_picture(made: Finished) -> None:
    assert len(made.pictures) > 6
    assert [(name, cut(texts)) for name, texts in made.pictures.items() if cut(texts)] == []


def test_no_text_lies_on_another(made: Finished) -> None:
    assert [(name, covered(texts)) for name, texts in made.pictures.items() if covered(texts)] == []


def test_names_are_drawn_as_they_are(made: Finished) -> None:
    words = {re.sub(r"\s", "", one.text) for texts in made.pictures.values() for one in texts}
    for name in made.study.classes:
        assert re.sub(r"\s", "", name) in words
    assert not any(one.parsed for texts in made.pictures.values() for one in texts)


def test_legend_of_the_samples_names_every_fold_and_clip(made: Finished) -> None:
    (drawn,) = (texts for name, texts in made.pictures.items() if "samples.png" in name)
    folds = [f"tested in {split}" for split in made.study.split_names]
    assert {*folds, "clip of 16 frames"} <= {one.text for one in drawn}


def test_differences_are_those_of_the_summary(made: Finished) -> None:
    """Of folds of different sizes, too; and no training that never learned takes part in a test."""
    study = made.study
    rows = [
        summary.Run(one.name, split, seed, made.folder / study.model_folder(one.name, split, seed))
        for one in study.variants
        for split in study.split_names
        for seed in study.seeds
    ]
    found = {one.variant: one for one in summary.averages(summary.collect_rows(rows))}
    seeds = [*map(str, study.seeds), *(["all"] if len(study.seeds) > 1 else [])]
    compared = table(made.folder / study.results / "comparisons.tsv")
    assert len(compared) == len(seeds) * len(found) * (len(found) - 1) // 2
    for row in compared:
        first, second = (found[row[name]].accuracy.value for name in ("first", "second"))
        assert first is not None
        assert second is not None
        if row["seed"] == seeds[-1]:
            assert float(row["difference"]) == pytest.approx(first - second, abs=1e-6)
        failed = {row["first"], row["second"]} & {"rgb"}
        assert row["remark"] == "".join(f"{name} never learned" for name in failed)
        assert (row["low"] == row["high"] == row["p"] == "") is bool(failed)


PROBLEMS = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) =>
    (Math.max(light(one), light(other)) + 0.05) / (Math.min(light(one), light(other)) + 0.05);
  const ground = getComputedStyle(document.body).backgroundColor;
  const found = [];
  for (const node of document.querySelectorAll("html, body, body *")) {
    const style = getComputedStyle(node);
    if (style.display === "none" || ["STYLE", "SCRIPT"].includes(node.tagName)) continue;
    const words = `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`;
    if (style.display !== "inline" && node.scrollWidth > node.clientWidth + 1) found.push(`cut: ${words}`);
    if (contrast(style.color, ground) < 4.5) found.push(`pale: ${words}`);
    const own = [...node.childNodes].filter((one) => one.nodeType === 3 && one.data.trim());
    if (node.closest("td:not(.long):not(.remark)") && own.length) {
      for (const one of own) {
        const range = document.createRange();
        range.selectNode(one);
        const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
        if (tops.size > 1) found.push(`wrapped: ${words}`);
      }
    }
  }
  return [ground, found];
}"""
# The report shows a page in a frame beside its menu: 900 px of a screen of 1366.
WIDTHS = (320, 390, 820, 900, 1160, 1366, 1920)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_whole_and_readable(made: Finished, browser: Any, scheme: str) -> None:
    results = made.folder / made.study.results
    pages = [
        *results.glob("*.html"),
        *results.glob("models/*/*/*/*.html"),
        results / "label-errors/index.html",
    ]
    assert len(pages) >= 9
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    found = []
    for path in pages:
        page.goto(path.as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            ground, problems = page.evaluate(PROBLEMS)
            assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
            found += [(path.name, width, problem) for problem in problems]
    context.close()
    assert found == []
