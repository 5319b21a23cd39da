"""One video of ten is corrupt: it fails alone, once, and is put right without touching the others."""

from __future__ import annotations

import pytest

from tests.slurm.conftest import Head, Run, Site, Study, cloned

SPLITS = ("train",) * 8 + ("validation", "test")
BAD = "v3"
STAGES = ("frames.h5", "flow/dis.h5", "roi/dis.h5")
CHAIN = ("frames", "flow", "roi")
LABELS_ONWARD = dict.fromkeys(("strokes", "split", "training_samples", "train", "evaluate", "summary"), 1)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, make_video) -> bytes:
    """The video as it should have been."""
    return make_video(tmp_path_factory.mktemp("good") / "v.mp4", frames=60, seed=3).read_bytes()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, make_video) -> Study:
    """A study whose table was made when one of the videos was corrupt already."""
    study = cloned(tmp_path_factory.mktemp("corrupt"), make_video, SPLITS)
    study.spoil(BAD)
    return study


@pytest.fixture(scope="module")
def first(site: Site, study: Study) -> tuple[Head, Run]:
    head = site.start(study)
    return head, head.end()


def test_the_others_are_prepared_in_that_run(study: Study, first: tuple[Head, Run]) -> None:
    head, run = first
    assert run.code != 0
    good = len(SPLITS) - 1
    assert dict(head.counts) == {"frames": good + 1, "flow": good, "roi": good}
    for number in range(1, len(SPLITS) + 1):
        made = [study.stage_file(f"v{number}", stage).exists() for stage in STAGES]
        assert all(made) if f"v{number}" != BAD else not any(made)


def test_the_error_names_the_file(first: tuple[Head, Run]) -> None:
    _, run = first
    assert run.text.count(f"failed: frames {BAD} (results/studies/tiny/logs/frames/{BAD}.log)") == 1
    assert f"data/tiny/{BAD}.mp4" in run.text
    assert "remedy" in run.text
    assert "Traceback" not in run.text


def test_left_out_only_the_training_is_left_to_do(study: Study, first: tuple[Head, Run]) -> None:
    assert first[1].code != 0
    table = study.folder / "tables/videos.tsv"
    before = table.read_bytes()
    study.leave_out(BAD)
    planned = study.run("-n").jobs
    table.write_bytes(before)
    assert dict(planned) == LABELS_ONWARD


def test_replaced_and_scanned_its_chain_runs_alone(
    site: Site, study: Study, first: tuple[Head, Run], good: bytes
) -> None:
    assert first[1].code != 0
    (study.folder / f"data/tiny/{BAD}.mp4").write_bytes(good)
    scanned = study.crisp("scan", "--study", "study.yaml", BAD)
    assert scanned.returncode == 0, scanned.stderr
    # As one job, the way the profile proposes for short clips.
    head = site.run(study, "--groups", *(f"{rule}=clip" for rule in CHAIN))
    assert dict(head.counts) == {"clip_flow_frames_roi": 1} | LABELS_ONWARD
    benchmarks = study.folder / "results/studies/tiny/benchmarks"
    assert len(list(benchmarks.glob(f"*/{BAD}*.tsv"))) == 3
    assert study.stage_file(BAD, "roi/dis.h5").exists()
