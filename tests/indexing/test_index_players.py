"""Indexing by region: the strokes of each player, as the stages find them one by one."""

from __future__ import annotations

import math
from pathlib import Path

import av
import numpy as np
import pytest

from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader
from crisp.core.views import Box
from crisp.evaluation import detection
from crisp.indexing import model
from crisp.preparation.roi import extract_roi
from crisp.study import schema
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.variants import Detection
from tests.indexing.test_index import (
    CLASSES,
    METHOD,
    SETTINGS,
    SIZE,
    Command,
    by_hand_files,
    command,  # noqa: F401
    lab,  # noqa: F401
    model_file,
    read,
    spied,
)

REGIONS = ("--region", "left=0,0,0.5,1", "--region", "right=0.5,0,1,1")


def rally(path: str = "rally.mp4") -> str:
    """A video of two squares that move, each in its half."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(90):
            image = np.full((48, 64, 3), 30, np.uint8)
            for middle, row, period in ((12, 10, 3), (48, 28, 5)):
                x = round(middle + 6 * math.sin(number / period))
                image[row : row + 10, x - 4 : x + 4] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.usefixtures("lab")
def test_each_player_is_found_as_his_region_is_by_the_stages(command: Command) -> None:  # noqa: F811
    command(rally(), *REGIONS)
    content = read("rally")
    assert content["schema"] == 3
    assert content["probabilities"] is content["roi"] is content["roi_size"] is content["roi_stride"] is None
    folder = by_hand_files("rally.mp4")
    loaded = model.load_trained_model(Path("model.pt"), "cpu")
    settings = Detection.from_config(schema.defaults("detection") | SETTINGS)
    boxes = {"left": Box(0, 0, 0.5, 1), "right": Box(0.5, 0, 1, 1)}
    for player, (name, box) in zip(content["players"], boxes.items(), strict=True):
        images, motion = folder / "frames.h5", folder / f"flow/{METHOD}.h5"
        extract_roi(images, motion, folder / f"roi/{METHOD}@{name}.h5", 0.6, 0.25, 16.0, box)
        reader = ClipReader(folder, ("rgb", "flow"), METHOD, region=name)
        found = detection.frame_probabilities(
            loaded.network, reader, SIZE, Normalisation("normal", 2.0, 2.0), 4, 7
        )
        decided = detection.decide_frames(found, "mean", 25, settings)
        runs = detection.find_strokes("rally", decided, CLASSES, "Negative", 2)
        assert len(runs) > 0
        assert [(one["begin"], one["end"]) for one in content["strokes"] if one["player"] == name] == [
            (run.begin, run.end) for run in runs
        ]
        assert (player["name"], player["box"]) == (name, list(box))
        first, last = decided.known
        np.testing.assert_allclose(
            player["probabilities"]["values"], decided.smoothed[first:last:4], atol=1e-4
        )
        x = np.array(player["roi"])[:, 0]
        assert ((x > box.left * 64) & (x < box.right * 64)).all()
    assert [one["begin"] for one in content["strokes"]] == sorted(one["begin"] for one in content["strokes"])
    exported = read_annotation(Path("out/rally/strokes.xml"))
    bounds = [(stroke.begin, stroke.end, stroke.label, stroke.player) for stroke in exported]
    assert sorted(bounds) == sorted(
        tuple(one[key] for key in ("begin", "end", "label", "player")) for one in content["strokes"]
    )


@pytest.mark.usefixtures("lab")
def test_other_regions_are_searched_anew_in_the_same_flow(
    monkeypatch: pytest.MonkeyPatch,
    command: Command,  # noqa: F811
) -> None:
    command(rally(), "--keep")
    called = spied(monkeypatch)
    command("rally.mp4", *REGIONS, "--keep")
    assert called == ["crisp.preparation.roi"] * 2
    assert sorted(path.name for path in Path("out/rally/roi").iterdir()) == ["dis@left.h5", "dis@right.h5"]
    assert "already indexed" in command("rally.mp4", *REGIONS, "--keep")
    command("rally.mp4", "--region", "all=0,0,1,1", "--keep")
    assert [one["player"] for one in read("rally")["strokes"]] == ["all"] * len(read("rally")["strokes"])
    called.clear()
    command("rally.mp4")
    assert called == ["crisp.preparation.roi"]
    assert "player" not in Path("out/rally/index.json").read_text()


@pytest.mark.usefixtures("lab")
def test_annotated_players_without_a_region(command: Command) -> None:  # noqa: F811
    write_annotation(
        "truth.xml", [Stroke(3, 9, "Hit", "left"), Stroke(3, 9, "Hit", "middle"), Stroke(20, 30, "Hit")]
    )
    said = command(rally(), *REGIONS, "--annotations", "truth.xml")
    assert "truth.xml: strokes of other players than left, right: not given, middle" in said
    kept = [one.get("player") for one in read("rally")["truth"]]
    assert kept == ["left", "middle", None]
    said = command("rally.mp4", "--region", "left=0,0,0.5,1", "--annotations", "truth.xml")
    assert "strokes of other players than left: middle" in said


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("regions", "found"),
    [
        (["left=0,0,0.5"], "found: left: '0,0,0.5'"),
        (["left"], "found: 'left'"),
        (["left=0,0,1.5,1"], "expected: a region inside the picture"),
        (["left=0.5,0,0.5,1"], "an empty region 0.5,0,0.5,1"),
        (["left=0,0,0.6,1", "right=0.5,0,1,1"], "left overlaps right"),
        (["left=0,0,0.5,1", "Left=0.5,0,1,1"], "found: 'Left' twice"),
        (["../up=0,0,1,1"], "found: '../up=0,0,1,1'"),
        (["left=0,0,0.3,1"], "expected: at least 12x8 px of 32x24\n    found: 10x24 px"),
    ],
)
def test_bad_region_is_one_message(command: Command, regions: list[str], found: str) -> None:  # noqa: F811
    said = command("game.mp4", *(part for region in regions for part in ("--region", region)), code=1)
    assert said.startswith("crisp: --region")
    assert found in said
    assert not Path("out").exists()


@pytest.mark.usefixtures("lab")
def test_explained_strokes_of_two_players(command: Command) -> None:  # noqa: F811
    model_file(Path("one.pt"), bias=(90, 0, -90))  # a stroke from end to end for each
    command(rally(), *REGIONS, "--explain", "--model", "one.pt")
    names = {path.name for path in Path("out/rally/explained").iterdir()}
    assert names == {"4-87@left.png", "4-87@right.png"}
    assert [one["player"] for one in read("rally")["strokes"]] == ["left", "right"]
    command("rally.mp4", "--explain", "--model", "one.pt")
    assert [path.name for path in Path("out/rally/explained").iterdir()] == ["4-87.png"]


@pytest.mark.usefixtures("lab")
def test_overlay_of_two_players(command: Command) -> None:  # noqa: F811
    command(rally(), *REGIONS, "--overlay")
    with av.open("out/rally/overlay.mp4") as container:
        assert container.streams.video[0].frames == 90
