"""What the results were made with: every key, the versions, and videos that were left out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from crisp import __version__
from crisp.core import stage_files
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


def test_page_tells_where_poses_have_nobody(lab: Lab) -> None:
    dataset = {**lab.study().config["dataset"], "poses": "poses"}
    study = lab.study(dataset=dataset, variants=[{"name": "pose", "model": "pose"}])
    for video, (empty, count) in {"train": (3, 40), "validation": (0, 50), "test": (10, 10)}.items():
        path = study.stage_file(video, "pose")
        with stage_files.create(path, "pose", {"fps": 25.0, "frames_without_person": empty}) as file:
            rows = stage_files.Appender(file, "pose", (14, 3), "f4", 256)
            rows.append(np.zeros((count, 14, 3)))
            rows.close()
    write_study_page("study.html", study)
    page = re.sub("<[^>]*>", "|", Path("study.html").read_text())
    for key, value in (
        ("frames without a person", "13 of 100 (13 %)"),
        ("without a person: test", "10 of 10 (100 %)"),
        ("without a person: train", "3 of 40 (7.5 %)"),
    ):
        assert re.search(rf"\|{key}\|+{re.escape(value)}\|", page)
    assert "without a person: validation" not in page
