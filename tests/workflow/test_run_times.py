"""Run times from Snakemake's benchmarks, half-written ones left out."""

from __future__ import annotations

from pathlib import Path

from crisp.workflow.run_times import collect_run_times, write_run_times_page

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(folder: Path, rule: str, job: str, seconds: float, memory: str = "100.0") -> None:
    path = folder / rule / f"{job}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + f"{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t90\t1\n")


def test_jobs_of_a_rule_are_taken_together(tmp_path: Path) -> None:
    for job, seconds, memory in (("v1", 2, "150.5"), ("v2", 8, "120"), ("v3", 3, "NA")):
        write(tmp_path, "flow", job, seconds, memory)
    write(tmp_path, "train", "twin-main-1", 7300, "-")
    (tmp_path / "flow" / "v4.tsv").write_text(HEADER)
    (tmp_path / "flow" / "v5.tsv").write_text("")
    (tmp_path / "flow" / "v6.tsv").write_text(HEADER + "x\n")
    (tmp_path / "empty").mkdir()
    flow, train = collect_run_times(tmp_path)
    assert flow == ("flow", 3, 13, 3, 8, "v2", 150.5)
    assert (train.jobs, train.megabytes) == (1, None)
    write_run_times_page(tmp_path / "times.html", [flow, train])
    page = (tmp_path / "times.html").read_text()
    for cell in ("13.0 s", "2 h 02 min", "150 MB", "twin-main-1", "\u2013"):
        assert f">{cell}<" in page


def test_study_without_benchmarks(tmp_path: Path) -> None:
    assert collect_run_times(tmp_path / "benchmarks") == []
    write_run_times_page(tmp_path / "times.html", [])
    assert "Run times" in (tmp_path / "times.html").read_text()
