"""Long videos: their flow computed in parts, each a job, and joined."""

from __future__ import annotations

import pytest

from tests.workflow.conftest import STUDY, Study

pytestmark = pytest.mark.slow


def test_only_long_videos_are_scattered_and_nothing_changes(finished: Study, done: Study) -> None:
    seconds = 60 / 25  # v1 to v4 are of 60 frames at 25 frames per second
    preparation = {**STUDY["preparation"], "scatter_seconds": seconds / 2.5}
    done.configure(preparation=preparation)
    assert done.run("-n").jobs == {}, "finished flow is not computed again because the key changed"

    done.stage_file("v1", "flow/dis.h5").unlink()
    run = done.run("--until", "flow")
    assert run.jobs == {"flow_part": 3, "flow": 1}
    flow = done.stage_file("v1", "flow")
    assert sorted(path.name for path in flow.iterdir()) == ["dis.h5", "dis.parts"]
    assert (flow / "dis.h5").read_bytes() == finished.stage_file("v1", "flow/dis.h5").read_bytes()
    again = done.run("-n").jobs
    assert again["flow"] == again["flow_part"] == 0

    done.configure(preparation={**preparation, "scatter_seconds": seconds})
    assert done.run("-n").jobs["flow"] == 0, "nor is a joined one"
    done.stage_file("v1", "flow/dis.h5").unlink()
    assert done.run("--until", "flow").jobs == {"flow": 1}
    assert [path.name for path in flow.iterdir()] == ["dis.h5"]
