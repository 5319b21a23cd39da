"""Making the page: what it holds, where it links to, and which indexes are refused."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.core.files import digest
from crisp.indexing.viewer import make_viewer, page, proxy_video
from crisp.study.annotations import Stroke
from crisp.study.index_file import IndexFile
from tests.indexing.viewer.sample import index
from tests.preparation.test_picture import interlaced_coding, woven, write

TRUTH = [Stroke(4, 14, "Offensive Forehand Hit"), Stroke(20, 36, "Defensive Backhand Push")]


@pytest.fixture
def content(tmp_path: Path, make_video) -> dict[str, Any]:
    return index(make_video(tmp_path / "videos/v é.mp4", 40, (192, 108), 20), TRUTH, 40)


def written(folder: Path, content: Any) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "index.json"
    path.write_text(json.dumps(content))
    return path


def held(made: Path) -> dict[str, Any]:
    found = re.search('<script type="application/json" id="data">(.*?)</script>', made.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_one_file_that_fetches_nothing(tmp_path: Path, content: dict[str, Any]) -> None:
    made = make_viewer(written(tmp_path / "out", content))
    assert made == (tmp_path / "out/viewer.html", [])
    text = made.page.read_text()
    assert "{{" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'" in text
    assert "unsafe" not in text.partition("Content-Security-Policy")[2][:500]
    assert held(made.page)["video"]["src"] == "../videos/v%20%C3%A9.mp4"
    assert str(tmp_path) not in text  # of the machine it was made on


def test_probabilities_keep_their_values(content: dict[str, Any]) -> None:
    packed = page.pack_index(IndexFile.from_json(content), page.Links("v.mp4"))["players"][0]["probabilities"]
    given = np.array(content["probabilities"]["values"])
    found = np.frombuffer(base64.b64decode(packed["bytes"]), np.uint8).reshape(-1, packed["count"]).T / 255
    assert np.abs(found - given).max() <= 0.5 / 255 + 1e-9
    assert (packed["stride"], packed["first"], packed["classes"]) == (2, 4, content["model"]["classes"])


def test_index_of_before_still_opens(tmp_path: Path, content: dict[str, Any]) -> None:
    """Schema 1 has the class's probability among those of all classes, or, made by hand, not at all."""
    content["schema"] = 1
    for one in content["strokes"]:
        del one["probability"], one["cut"]
    del content["strokes"][1]["scores"]
    packed = held(make_viewer(written(tmp_path / "out", content)).page)["strokes"]
    first, second = content["strokes"][:2]
    assert packed[0][3:6] == [round(first["scores"][first["label"]], 3), round(first["score"], 3), ""]
    assert packed[1][3:6] == [None, round(second["score"], 3), ""]


def test_label_that_would_end_the_script(tmp_path: Path, content: dict[str, Any]) -> None:
    content["truth"][0]["label"] = "</script><script>alert(1)</script>"
    made = make_viewer(written(tmp_path, content))
    assert "<script>alert" not in made.page.read_text()
    assert held(made.page)["truth"][0] == [4, 14, "</script><script>alert(1)</script>"]


def test_drafts_outlive_another_model_but_not_another_truth(content: dict[str, Any]) -> None:
    indexed = IndexFile.from_json(content)
    key = page.pack_index(indexed, page.Links("v.mp4"))["key"]
    assert page.pack_index(replace(indexed, strokes=()), page.Links("w.mp4"))["key"] == key
    assert indexed.truth
    assert page.pack_index(replace(indexed, truth=indexed.truth[:1]), page.Links("v.mp4"))["key"] != key


def test_drafts_of_before_there_were_players_are_found(content: dict[str, Any]) -> None:
    video = content["video"]
    kept = [video["id"], video["frames"], None, [{**stroke} for stroke in content["truth"]]]
    for stroke in kept[-1]:
        del stroke["player"]
    indexed = IndexFile.from_json(content)
    packed = page.pack_index(indexed, page.Links("v.mp4"))
    assert packed["key"] == digest(kept)[:16]
    assert packed["truth"] == [[one["begin"], one["end"], one["label"]] for one in kept[-1]]
    assert indexed.truth
    other = (indexed.truth[0]._replace(player="left"), *indexed.truth[1:])
    packed = page.pack_index(replace(indexed, truth=other), page.Links("v.mp4"))
    assert packed["key"] != digest(kept)[:16]
    assert packed["truth"][0][3:] == ["left"]


def test_video_elsewhere_and_missing(tmp_path: Path, content: dict[str, Any]) -> None:
    (tmp_path / "videos/v é.mp4").rename(tmp_path / "moved.mp4")
    file = written(tmp_path / "out", content)
    made = make_viewer(file, tmp_path / "pages/p.html")
    assert len(made.warnings) == 1
    assert "video is missing" in made.warnings[0]
    command = f"crisp viewer {shlex.quote(str(file))} --out {shlex.quote(str(made.page))} --video VIDEO"
    assert made.warnings[0].endswith(command)
    made = make_viewer(file, tmp_path / "pages/p.html", tmp_path / "moved.mp4")
    assert made.warnings == []
    assert held(made.page)["video"]["src"] == "../moved.mp4"
    with pytest.raises(CrispError, match="video file is missing"):
        make_viewer(file, video=tmp_path / "none.mp4")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["schema"], 4, r"\$\.schema: 4 is not one of \[1, 2, 3\]"),
        (["video", "fps"], 0, r"\$\.video\.fps"),
        (["video", "frames"], None, r"\$\.video\.frames"),
        (["strokes", 0, "label"], 7, r"\$\.strokes\[0\]\.label"),
        (["strokes", 0, "begin"], 39, r"\$\.strokes\[0\]: empty or negative interval"),
        (["truth", 1, "end"], 1, r"\$\.truth\[1\]: empty or negative interval"),
        (["probabilities", "values", 3], [0.5], r"probabilities\.values: not rows of 6 numbers"),
        (["probabilities", "values", 3, 2], 1.5, r"probabilities\.values: not rows of 6 numbers"),
        (["roi", 0], [1, 2, 3], r"roi: not pairs of numbers"),
        (["video", "times"], [], r"\$\.video\.times"),
        (["video", "times"], [0.0] * 39, r"video\.times: not 40 ascending numbers"),
        (["video", "times"], [n / 20 for n in range(39)] + [1.0], r"video\.times: not 40 ascending numbers"),
        (["video", "times"], [n / 20 for n in range(39)] + [2e9], r"video\.times: not 40 ascending numbers"),
        (["video", "times"], [n / 20 for n in range(39)] + [True], r"video\.times: not 40 ascending numbers"),
        (["video", "times"], [n / 2 for n in range(40)], r"video\.duration: not that of 40 frames, 19\.55 s"),
    ],
)
def test_bad_index(
    tmp_path: Path, content: dict[str, Any], place: list[Any], value: object, message: str
) -> None:
    part: Any = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(CrispError, match=message):
        make_viewer(written(tmp_path, content))
    assert not (tmp_path / "viewer.html").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_not_an_index(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(CrispError, match=r"index\.json"):
        make_viewer(tmp_path / "index.json")


def test_page_never_takes_another_file_s_place(tmp_path: Path, content: dict[str, Any]) -> None:
    file = written(tmp_path / "out", content)
    annotation = tmp_path / "match.xml"
    annotation.write_text("<video/>")
    for path in (annotation, file):
        before = path.read_bytes()
        with pytest.raises(CrispError, match="another file would be overwritten by the page"):
            make_viewer(file, path)
        assert path.read_bytes() == before
    page = make_viewer(file, tmp_path / "page.html").page
    assert make_viewer(file, page).page == page, "a page of before is replaced"


def test_proxy_has_every_frame(tmp_path: Path, content: dict[str, Any], odd_video: Path) -> None:
    facts = replace(IndexFile.from_json(content).video, fps=119.88, frames=160)
    assert proxy_video.playback_problem(odd_video, facts) == "many browsers do not play mpeg4"
    copy = proxy_video.make_proxy(odd_video, tmp_path / "copy.mp4", facts)
    assert proxy_video.playback_problem(copy, facts) == ""
    with av.open(str(copy)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.average_rate == Fraction(facts.fps).limit_denominator(1001)
    assert (frames[0].width, frames[0].height) == (160, 90)
    assert frames[0].pts == 0
    # Every second picture of the source is bright: none is lost, doubled or out of order.
    brightness = np.array([frame.to_ndarray(format="rgb24").mean() for frame in frames])
    assert ((brightness > 120) == (np.arange(160) % 2 == 1)).all()


def test_proxy_never_takes_the_video_s_place(tmp_path: Path, content: dict[str, Any]) -> None:
    file = written(tmp_path / "videos", content)
    before = Path(content["video"]["path"]).read_bytes()
    with pytest.raises(CrispError, match="the copy would overwrite the video"):
        make_viewer(file, tmp_path / "videos/v é.html", copy=True)
    assert Path(content["video"]["path"]).read_bytes() == before


def test_proxy_replaces_its_own_files_alone(tmp_path: Path, content: dict[str, Any]) -> None:
    file = written(tmp_path / "out", content)
    mine = tmp_path / "out/viewer.mp4"
    make_viewer(file, copy=True)
    make_viewer(file, copy=True)
    for other in (Path(content["video"]["path"]).read_bytes(), b"no video"):
        mine.write_bytes(other)
        with pytest.raises(CrispError, match="another file has the name of the copy"):
            make_viewer(file, copy=True)
        assert mine.read_bytes() == other


def test_doubts(content: dict[str, Any], tmp_path: Path) -> None:
    video, about = Path(content["video"]["path"]), IndexFile.from_json(content).video
    assert proxy_video.playback_problem(video, about) == ""
    assert "varies" in proxy_video.playback_problem(video, replace(about, variable_rate=True))
    interlaced = write(tmp_path / "a.mp4", woven(range(15)), "libx264", interlaced_coding)
    assert "combs" in proxy_video.playback_problem(interlaced, about)
    copy = proxy_video.make_proxy(interlaced, tmp_path / "copy.mp4", about)
    assert proxy_video.playback_problem(copy, about) == ""
    (tmp_path / "text.mp4").write_text("no video")
    assert "not a video" in proxy_video.playback_problem(tmp_path / "text.mp4", about)


def test_command(tmp_path: Path, content: dict[str, Any], odd_video: Path) -> None:
    file = written(tmp_path / "out", content)
    said = CliRunner().invoke(application.app, ["viewer", str(file), "--video", str(odd_video)])
    assert said.exit_code == 0
    assert said.stdout.strip() == str(tmp_path / "out/viewer.html")
    command = shlex.join(["crisp", "viewer", str(file), "--video", str(odd_video), "--proxy"])
    assert f"many browsers do not play mpeg4; {command} makes a playable copy" in said.stderr
    said = CliRunner().invoke(
        application.app, ["viewer", str(file), "--proxy", "--out", str(tmp_path / "p.html")]
    )
    assert said.exit_code == 0
    assert held(tmp_path / "p.html")["video"]["src"] == "p.mp4"
    assert (tmp_path / "p.mp4").stat().st_size > 0


def test_missing_index(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match=r"nothing\.json: index is missing[\s\S]*crisp index"):
        make_viewer(tmp_path / "nothing.json")
    assert list(tmp_path.iterdir()) == []
