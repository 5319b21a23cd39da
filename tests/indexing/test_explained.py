"""Pictures of what the model looks at: one a stroke, linked from the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread

from crisp import models
from crisp.evaluation import explain
from crisp.indexing import index, model
from crisp.study.variants import Variant
from tests.indexing.test_index import Command, command, lab, model_file, read  # noqa: F401


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("step", [1, 2])
def test_every_stroke_has_a_picture(make_video, command: Command, step: int) -> None:  # noqa: F811
    make_video("game.mp4", frames=90 * step, fps=25 * step)
    command("game.mp4", "--explain")
    names = {f"{one['begin']}-{one['end']}.png" for one in read()["strokes"]}
    assert len(names) > 1
    found = {path.name: path for path in Path("out/game/explained").iterdir()}
    assert found.keys() == names
    assert all(imread(path).shape[1] > 500 for path in found.values())
    assert '"explained":"explained"' in Path("out/game/viewer.html").read_text().replace(": ", ":")


@pytest.mark.usefixtures("lab")
def test_asked_for_later_and_with_another_model(command: Command) -> None:  # noqa: F811
    command("game.mp4")
    folder = Path("out/game/explained")
    assert not folder.exists()
    assert '"explained":""' in Path("out/game/viewer.html").read_text().replace(": ", ":")
    assert "already indexed" not in command("game.mp4", "--explain")
    first = {path.name for path in folder.iterdir()}
    assert first
    assert "already indexed" in command("game.mp4", "--explain")
    (folder / "mine.txt").write_text("a user's")
    model_file(Path("other.pt"), bias=(0.3, 0, 0))
    command("game.mp4", "--explain", "--model", "other.pt")
    second = {f"{one['begin']}-{one['end']}.png" for one in read()["strokes"]}
    assert {path.name for path in folder.iterdir()} == {*second, "mine.txt"}


@pytest.mark.usefixtures("lab")
def test_network_of_tokens_is_one_error_before_any_work() -> None:
    variant = Variant.from_config({"name": "one", "model": "swin3d_t", "size": (8, 32, 32)})
    given = model.load_trained_model(Path("model.pt"), "cpu")
    other = model.Model(
        given.path, "", models.build(variant, 3), given.about, variant, given.settings, given.decision
    )
    with pytest.raises(Exception, match="no maps of convolutions"):
        index.index_videos([Path("game.mp4")], other, model.Options(Path("out"), explain=True))
    assert not Path("out").exists()
    assert not explain.explicable(other.network, variant)
