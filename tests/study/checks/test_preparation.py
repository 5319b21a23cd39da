"""Studies of one data set share its volumes; only what was really prepared otherwise refuses another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from crisp.core import files
from crisp.core.errors import Fault
from crisp.study.tables import Annotation
from crisp.workflow.check_study import check_study
from tests.lab import CONTENT, Lab

RECORD = Path("results/volumes/d/preparation.json")
NARROW = {"preparation": {"width": 160}}


def prepare(*videos: str, stages: tuple[str, ...] = ("frames.h5", "roi/deepflow.h5")) -> None:
    for video in videos:
        for stage in stages:
            path = Path("results/volumes/d", video, stage)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")


def check(lab: Lab, record: bool = False, study: str = "s", **changes: Any) -> list[Fault]:
    """Check a study that has a file of its own; with `record`, as the start of its run does."""
    path = Path(f"{study}.yaml")
    path.write_text(yaml.safe_dump({**CONTENT, "study": study, **changes}))
    return check_study(lab.study(study=study, **changes), [path], record=record).faults


def test_another_study_has_to_agree(lab: Lab) -> None:
    assert check(lab, record=True) == []
    prepare("train", "validation")
    (fault,) = check(lab, record=True, study="other", **NARROW)
    assert fault.what.endswith("were prepared with other parameters, by study 's': train, validation")
    assert (fault.expected, fault.found) == ("preparation.width 320", "preparation.width 160")
    assert "another dataset.name, with dataset.data data/d" in fault.remedy
    assert set(files.read_json(RECORD)["studies"]) == {"s"}
    assert check(lab, record=True, study="other") == []
    assert set(files.read_json(RECORD)["studies"]) == {"s", "other"}
    # Now the first one cannot change them either, unless the other changes as well.
    assert "by study 'other'" in check(lab, record=True, **NARROW)[0].what


def test_a_study_may_change_its_own_parameters(lab: Lab) -> None:
    assert check(lab, record=True) == []
    prepare("train")
    assert check(lab, record=True, **NARROW) == []
    assert files.read_json(RECORD)["studies"]["s"]["width"] == 160


def test_a_study_that_has_prepared_nothing_refuses_none(lab: Lab) -> None:
    assert check(lab, record=True) == []
    assert check(lab, record=True, study="other", **NARROW) == []
    prepare("train")  # by the other one, which goes on
    assert check(lab, record=True, study="other", **NARROW) == []
    (fault,) = check(lab, record=True, study="third")
    assert "by study 'other': train" in fault.what


def test_only_files_that_depend_on_a_parameter_count(lab: Lab) -> None:
    assert check(lab, record=True) == []
    prepare("train", stages=("frames.h5",))
    roi = {"preparation": {"roi": {"alpha": 0.5}}}
    assert check(lab, study="other", **roi) == []
    prepare("train")
    (fault,) = check(lab, study="other", **roi)
    assert (fault.expected, fault.found) == ("preparation.roi.alpha 0.6", "preparation.roi.alpha 0.5")


def test_frame_step_of_a_video_that_the_other_does_not_use(lab: Lab) -> None:
    lab.labels.append(Annotation("more", "xml/train.xml", split="train"))
    lab.rows.append(replace(lab.rows[0], video="more", fps=50.0, frame_step=2, use=False))
    lab.write()
    assert check(lab, record=True) == []
    prepare("train", "validation", "test")
    lab.change("more", use=True)
    lab.change("train", use=False)
    assert check(lab, record=True, study="other") == []
    prepare("more")
    assert check(lab, record=True, study="other") == []
    assert check(lab, record=True) == []


def test_a_frame_step_that_both_have_by_now(lab: Lab) -> None:
    """One table for both: the first study would prepare its videos anew, too."""
    assert check(lab, record=True) == []
    before = Path("videos.tsv").read_text()
    prepare("train", "validation", "test")
    for video in ("train", "validation", "test"):
        lab.change(video, frame_step=2)
    assert check(lab, study="other") == []
    Path("before.tsv").write_text(before)
    table = {"dataset": {**CONTENT["dataset"], "videos": "before.tsv"}}
    assert "by study 's'" not in "".join(fault.what for fault in check(lab, record=True, **table))
    (fault,) = check(lab, study="other")
    assert (fault.expected, fault.found) == ("frame_step 1", "frame_step 2")


def test_a_study_that_is_gone_refuses_none(lab: Lab) -> None:
    assert check(lab, record=True) == []
    prepare("train")
    assert len(check(lab, study="other", **NARROW)) == 1
    good = Path("s.yaml").read_text()
    Path("s.yaml").write_text(yaml.safe_dump({**CONTENT, **NARROW}))
    assert check(lab, study="other", **NARROW) == []
    Path("s.yaml").write_text("study: [")
    assert len(check(lab, study="other", **NARROW)) == 1
    Path("s.yaml").write_text(good.replace("study: s\n", "study: t\n"))
    assert check(lab, study="other", **NARROW) == []
    Path("s.yaml").unlink()
    assert check(lab, study="other", **NARROW) == []


def test_studies_with_poses_share_volumes_and_agree_on_poses(lab: Lab) -> None:
    """A study that takes none has nothing to say about them, whoever made the volumes."""
    for video in lab.rows:
        Path("poses").mkdir(exist_ok=True)
        Path(f"poses/{video.video}.json").touch()
    dataset = {**CONTENT["dataset"], "poses": "poses"}
    posed = {"dataset": dataset, "variants": [{"name": "pose", "model": "pose"}]}
    assert check(lab, record=True) == []
    assert check(lab, record=True, study="first", **posed) == []
    record = files.read_json(RECORD)["studies"]
    assert "pose" not in record["s"]
    assert record["first"]["pose"] == {"estimator": "", "width": 0, "joints": {}, "roi": "deepflow"}
    assert check(lab, study="second", **posed, preparation={"pose": {"width": 320}}) == []
    prepare("train", stages=("pose.h5",))
    (fault,) = check(lab, study="second", **posed, preparation={"pose": {"width": 320}})
    assert "were prepared with other parameters" in fault.what
    assert "'width': 320.0" in fault.found
    assert check(lab, record=True) == []
    Path("poses/test.json").unlink()
    (fault,) = check(lab, study="first", **posed)
    assert fault.what == "pose file of video test is missing"
    assert fault.found == f"nothing; the path is relative to the working folder, {Path.cwd()}"


def test_nothing_is_recorded_of_a_bad_study(lab: Lab) -> None:
    Path("xml/test.xml").unlink()
    assert check(lab, record=True)
    assert not RECORD.exists()


@pytest.mark.parametrize("content", ["[]", "{}", "{", '{"studies": {"s": 3}}', '{"studies": []}'])
def test_damaged_record_loses_nothing(lab: Lab, content: str) -> None:
    RECORD.parent.mkdir(parents=True)
    RECORD.write_text(content)
    (fault,) = check(lab, record=True)
    assert (fault.where, fault.what) == (str(RECORD), "damaged record of how these volumes were prepared")
    assert "delete" not in fault.remedy
    assert fault.remedy.startswith("restore the file, or move it away: the volumes stay")
    assert RECORD.read_text() == content


def test_record_of_one_owner_is_understood(lab: Lab) -> None:
    parameters = {"width": 320, "upscale": False, "roi_alpha": 0.6, "roi_threshold": 0.25, "roi_power": 16}
    files.write_json(RECORD, {"study": "s", "parameters": {**parameters, "frame_step": {}}})
    prepare("train")
    assert len(check(lab, study="other", **NARROW)) == 1
    assert check(lab, record=True, study="other") == []
    assert set(files.read_json(RECORD)["studies"]) == {"s", "other"}
