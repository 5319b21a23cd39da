"""What the results were made with: every key, the versions, and videos that were left out."""

from __future__ import annotations

from pathlib import Path

import torch

from crisp import __version__
from crisp.report import study_page
from crisp.report.study_page import write_study_page
from tests.lab import Lab


def test_keys_are_flat_and_named() -> None:
    content = {
        "study": "s",
        "preparation": {"roi": {"alpha": 0.6}, "flow_methods": ["dis"]},
        "variants": [{"name": "twin", "size": [8, 16, 16]}, {"model": "rgb"}],
        "super_classes": {},
    }
    assert dict(study_page.flatten(content)) == {
        "study": "s",
        "preparation.roi.alpha": "0.6",
        "preparation.flow_methods": '["dis"]',
        "variants.twin.name": "twin",
        "variants.twin.size": "[8, 16, 16]",
        "variants.1.model": "rgb",
        "super_classes": "{}",
    }


def test_page_tells_versions_keys_and_left_out_videos(lab: Lab) -> None:
    lab.change("validation", use=False, note="<camera fell over>")
    lab.change("test", use=False)
    write_study_page("study.html", lab.study(training={"learning_rate": 0.0125}))
    page = Path("study.html").read_text()
    for cell in (
        __version__,
        torch.__version__,
        "1 of 3",
        "excluded: validation",
        "&lt;camera fell over&gt;",
        "no reason given",
        "training.learning_rate",
        "0.0125",
        "report.videos",
    ):
        assert f">{cell}<" in page
    assert "not installed" not in page


def test_page_tells_of_unusual_times_and_pictures(lab: Lab) -> None:
    for video in ("train", "test"):
        lab.change(video, timing="starts at 0.500 s", picture="PQ (HDR): converted to SDR")
    write_study_page("study.html", lab.study())
    remark = "starts at 0.500 s: labels in seconds go by time stamps; PQ (HDR): converted to SDR"
    page = Path("study.html").read_text()
    assert f">{remark}<" in page
    assert ">unusual: train, test<" in page
