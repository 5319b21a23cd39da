"""A variant that differs in its flow alone makes a study one of the flow, with a figure of it."""

from __future__ import annotations

import pytest

from tests.workflow.conftest import Study

pytestmark = pytest.mark.slow


def test_figure_comes_with_the_second_normalisation(done: Study) -> None:
    figure = done.folder / "results/studies/tiny/flow_study.png"
    assert not figure.exists()
    done.configure(variants=[*done.config["variants"], {"name": "twin-max", "norm_method": "max"}])
    assert dict(done.run().jobs) == {"normalisation": 1, "train": 1, "evaluate": 1, "summary": 1}
    assert figure.exists()
    done.run("--report", "report.html")
    assert "accuracy by flow and its normalisation" in (done.folder / "report.html").read_text()
