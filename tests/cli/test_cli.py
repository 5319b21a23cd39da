"""The command line: help, errors as one message, interrupts, and a closed pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

import crisp
from crisp import cli
from crisp.cli import application
from crisp.core import files, stage_files
from crisp.core.errors import CrispError
from crisp.study import load
from tests.indexing.test_index import model_file
from tests.indexing.viewer import sample
from tests.lab import CONTENT as LAB
from tests.lab import Lab

COMMAND = [sys.executable, "-c", "from crisp.cli import main; main()"]
ROOT = Path(__file__).parents[2]
VERBS = typer.main.get_command(application.app).commands  # type: ignore[attr-defined]
CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
    "classes": [f"class {number}" for number in range(20)] + ["Negative"],
    "variants": [{"name": model, "model": model} for model in ("rgb", "flow", "twin")],
}


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **more}


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What ``crisp`` says on its way to exit code 1, in this process."""
    monkeypatch.setattr(sys, "argv", ["crisp", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 1, said
    assert said.out == ""
    assert said.err.startswith("crisp: ")
    assert "Traceback" not in said.err
    return said.err


def write(path: Path, **changes: Any) -> Path:
    path.write_text(yaml.safe_dump({**CONTENT, **changes}))
    return path


def test_help_lists_verbs_by_stage() -> None:
    said = CliRunner().invoke(application.app, ["--help"], env={"COLUMNS": "120"}).stdout
    panels = ["Data", "Preparation", "Labels", "Models", "Runs"]
    places = [said.index(f" {panel} ") for panel in panels]
    assert places == sorted(places)
    for verb, command in VERBS.items():
        begin = places[panels.index(command.rich_help_panel)]
        end = min([place for place in places if place > begin], default=len(said))
        assert f" {verb} " in said[begin:end]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(verb: str) -> None:
    said = CliRunner().invoke(application.app, [verb, "--help"], env={"COLUMNS": "120"})
    assert said.exit_code == 0
    assert f"Example: crisp {verb}" in said.stdout


def test_version() -> None:
    assert CliRunner().invoke(application.app, ["--version"]).stdout == f"{crisp.__version__}\n"


def on_terminal(*arguments: str, **more: str) -> str:
    """What ``crisp`` prints on a terminal of its own."""
    leader, follower = pty.openpty()
    env = {name: value for name, value in environment(TERM="xterm", **more).items() if name not in SILENT}
    done = subprocess.Popen([*COMMAND, *arguments], env=env | more, stdout=follower, stderr=follower)
    os.close(follower)
    said = b""
    with suppress(OSError):  # how Linux tells that the other side is closed
        while part := os.read(leader, 65536):
            said += part
    os.close(leader)
    assert done.wait(60) in (0, 2)
    return said.decode()


SILENT = {"NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"}


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["frames", "--widht"]])
def test_colours_only_on_a_terminal(arguments: list[str]) -> None:
    colour = re.compile(r"\x1b\[[\d;]*3\dm")
    assert colour.search(on_terminal(*arguments))
    assert not colour.search(on_terminal(*arguments, NO_COLOR="1"))
    env = {name: value for name, value in environment().items() if name not in SILENT}
    done = subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True)
    assert len(done.stdout + done.stderr) > 200
    assert "\x1b" not in done.stdout + done.stderr


def test_bash_completes_verbs_options_and_files(tmp_path: Path) -> None:
    """As a person has it: the script of ``--show-completion`` in bash, and Tab."""
    program = tmp_path / "bin/crisp"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nexec {shlex.join([sys.executable, '-c'])} "
        + shlex.quote("import sys; sys.argv[0] = 'crisp'; from crisp.cli import main; main()")
        + ' "$@"\n'
    )
    program.chmod(0o755)
    script = """
eval "$(crisp --show-completion)"
tab() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _crisp_completion crisp; echo "${COMPREPLY[*]}"; }
tab crisp ch
tab crisp re
tab crisp check --st
complete -p crisp
"""
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", script], env=environment(PATH=path), capture_output=True, text=True)
    assert done.stderr == ""
    verb, verbs, option, rest = done.stdout.splitlines()
    assert (verb, option) == ("check", "--study")
    assert set(verbs.split()) == {"redo", "recover", "regions", "report"}
    assert "-o default" in rest  # files, where crisp knows nothing


def test_json_is_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(write(tmp_path / "study.yaml"))
    done = CliRunner().invoke(application.app, ["models", "--study", path, "--json"])
    rows = json.loads(done.stdout)
    assert [row["variant"] for row in rows] == ["rgb", "flow", "twin"]
    assert rows[2] == {
        "variant": "twin",
        "model": "twin",
        "parameters": 221611811,
        "inputs": {"rgb": [3, 100, 120, 120], "flow": [2, 100, 120, 120]},
    }
    for content in (CONTENT, {**CONTENT, "clases": []}):  # faults of the tables, and of the study file
        path = str(write(tmp_path / "study.yaml", **content))
        done = CliRunner().invoke(application.app, ["check", "--study", path, "--json"])
        assert done.exit_code == 1
        found = json.loads(done.stdout)
        assert found["warnings"] == []
        assert list(found["faults"][0]) == ["where", "what", "expected", "found", "remedy"]
    assert found["faults"][0]["what"] == "unknown key"


def test_json_of_a_good_study(lab: Lab) -> None:
    lab.write()
    Path("study.yaml").write_text(yaml.safe_dump(LAB))
    done = CliRunner().invoke(application.app, ["check", "--study", "study.yaml", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["faults"] == []
    scan = ["scan", "--study", "study.yaml", "--json"]
    assert json.loads(CliRunner().invoke(application.app, scan).stdout) == {"changes": []}
    lab.change(lab.rows[0].video, frames=1)
    (change,) = json.loads(CliRunner().invoke(application.app, scan).stdout)["changes"]
    assert lab.rows[0].video in change


def test_help_needs_no_heavy_library() -> None:
    code = "import sys, crisp.cli; print(sorted({'torch', 'cv2', 'h5py', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "study.yaml: study file is missing"),
        ("study: [", "study.yaml: study file cannot be read"),
        ("a: 1\n\tb: 2", "study.yaml: study file cannot be read"),
        ("\x00", "study.yaml: study file cannot be read"),
        ("- 1", "study.yaml, top level: bad value"),
        (yaml.safe_dump({**CONTENT, "clases": []}), "study.yaml, top level: unknown key"),
        (yaml.safe_dump({**CONTENT, "seeds": ["one"]}), "study.yaml, seeds.0: bad value"),
    ],
)
def test_bad_study_is_one_message(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    text: str | None,
    found: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("study.yaml").write_text(text)
    for verb in ("check", "models"):
        assert found in message(monkeypatch, capsys, verb, "--study", "study.yaml")


def test_every_verb_of_a_study_takes_it_the_same_way() -> None:
    options = {name: [one for one in verb.params if one.name == "study"] for name, verb in VERBS.items()}
    takes = {name: option for name, (option,) in ((name, of) for name, of in options.items() if of)}
    assert len(takes) > 14
    for name, option in takes.items():
        assert option.metavar == "STUDY", name


@pytest.mark.usefixtures("lab")
def test_the_study_of_the_folder_or_one_by_name() -> None:
    for name in ("mine", "yours"):
        Path("config", name).mkdir(parents=True)
        content = {**LAB, "study": name, "dataset": {**LAB["dataset"], "name": "d"}}
        Path("config", name, "study.yaml").write_text(yaml.safe_dump(content))
        done = run("models")
        if name == "mine":
            assert done.returncode == 0
            assert done.stderr.startswith("study: config/mine/study.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("crisp: --study: the working folder holds more than one study\n")
    done = run("check", "--study", "yours", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"faults": [], "warnings": []}
    done = run("plan")
    assert done.returncode == 1
    done = run("check", "--study", "mien")
    assert "--study mien: no study has this name" in done.stderr


def test_a_missing_study_file_says_what_its_path_counts_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    said = message(monkeypatch, capsys, "check", "--study", "config/mine/study.yaml")
    assert f"found: nothing; the path is relative to the working folder, {tmp_path}" in said
    write(tmp_path / "study.yaml")
    said = message(monkeypatch, capsys, "check", "--study", tmp_path / "study.yaml")
    assert "videos.tsv: table is missing" in said
    assert f"nothing; the path is relative to the working folder, {tmp_path}" in said
    assert (
        "counts from"
        not in message(monkeypatch, capsys, "check", "--study", tmp_path / "none.yaml").split("remedy")[0]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--seed", "-1", "twin"],
        ["samples", "--epoch", "0", "--out", "x.png", "twin"],
        ["roi", "--alpha", "1.5", "frames.h5", "flow.h5", "roi.h5"],
        ["roi", "--threshold", "-1", "frames.h5", "flow.h5", "roi.h5"],
    ],
)
def test_number_out_of_range_is_a_usage_error(arguments: list[str]) -> None:
    said = CliRunner().invoke(application.app, arguments)
    assert said.exit_code == 2
    assert "Invalid value" in said.output


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["train", "--study", "study.yaml", "twni"], "study s: no variant 'twni'"),
        (["evaluate", "--study", "study.yaml", "twin"], "model.pt: model is missing"),
        (["detect", "--study", "study.yaml", "twin"], "annotations.tsv: table is missing"),
        (["train", "--study", "study.yaml", "twin"], "splits/main/train.tsv: table of samples is missing"),
        (["split", "--study", "study.yaml"], "strokes.tsv: table of samples is missing"),
        (["normalise", "--study", "study.yaml"], "splits/main/train.tsv: table of samples is missing"),
        (["redo", "--study", "study.yaml", "v"], "videos.tsv: table is missing"),
        (["flow", "frames.h5", "flow.h5"], "frames.h5: stage file is missing"),
        (["roi", "frames.h5", "flow.h5", "roi.h5"], "frames.h5: stage file is missing"),
        (["frames", "none.mp4", "frames.h5"], "none.mp4"),
        (["volume", "v.h5", "--method", "dis"], "frames.h5: stage file is missing"),
        (["train", "--study", "study.yaml", "--device", "gpu", "twin"], "--device: no such choice"),
    ],
)
def test_missing_input_is_one_message(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    found: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("study.yaml"))
    assert found in message(monkeypatch, capsys, *arguments)
    assert not list(tmp_path.rglob("*.tmp-*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_may_not_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, make_video
) -> None:
    video = make_video(tmp_path / "v.mp4", frames=3)
    tmp_path.chmod(0o500)
    assert "Permission denied" in message(monkeypatch, capsys, "frames", video, tmp_path / "frames.h5")
    tmp_path.chmod(0o700)


def test_denied_by_the_system_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As above, for root too: a file stands where a folder is to be made."""
    monkeypatch.chdir(tmp_path)
    write(Path("study.yaml"))
    Path("results").touch()
    Path("videos.tsv").write_text("video\tpath\tsize\tframes\tsha256\tfps\tgroup\tuse\tnote\n")
    Path("annotations.tsv").write_text("video\tpath\ttask\tsplit\n")
    assert "results" in message(monkeypatch, capsys, "strokes", "--study", "study.yaml")


def test_usage_error_names_the_option() -> None:
    done = CliRunner().invoke(application.app, ["frames", "--widht", "3"])
    assert done.exit_code == 2
    assert "--widht" in done.stderr


def test_models_prints_the_published_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "study.yaml")
    lines = CliRunner().invoke(application.app, ["models", "--study", str(path)]).stdout.splitlines()
    counts = {line.split()[0]: line.split()[2] for line in lines[1:]}
    assert counts == {"rgb": "108,191,821", "flow": "108,191,011", "twin": "221,611,811"}
    assert "rgb (3, 100, 120, 120), flow (2, 100, 120, 120)" in lines[3]


def test_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    path = write(tmp_path / "study.yaml")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "models", "--study", str(path)],
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == ""


ENDED = {  # exit code and last words, by signal
    signal.SIGINT: (130, "crisp: interrupted; no file is incomplete\n"),
    signal.SIGTERM: (143, "crisp: ended by SIGTERM; no file is incomplete\n"),
    signal.SIGHUP: (129, "crisp: ended by SIGHUP; no file is incomplete\n"),
}


def interrupt(folder: Path, beside: str, *arguments: object, by: signal.Signals = signal.SIGINT) -> None:
    """Run a verb, send it Ctrl-C or so while it writes a file, and see that it leaves no part of it."""
    before = sorted(folder.rglob("*"))
    verb = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=environment(),
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while not any(path.stat().st_size > 2**14 for path in folder.rglob(f"{beside}.tmp-*")):
        assert verb.poll() is None, verb.communicate()[1]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    os.killpg(verb.pid, by)
    _, said = verb.communicate(timeout=60)
    code, words = ENDED[by]
    assert verb.returncode == code, said
    assert said.endswith(words)
    assert "Traceback" not in said
    left = [path for path in sorted(folder.rglob("*")) if path not in before and path.is_file()]
    assert [path for path in left if ".tmp-" in path.name or path.name == beside] == []


def test_interrupted_frames_and_demo_leave_nothing(tmp_path: Path, make_video) -> None:
    make_video(tmp_path / "v.mp4", frames=2000, size=(640, 480))
    interrupt(tmp_path, "frames.h5", "frames", "v.mp4", "frames.h5")
    interrupt(tmp_path, "player-01.mp4", "demo", "--out", "demo", "player-01")
    assert run("demo", "--out", tmp_path / "demo", "player-01").returncode == 0


@pytest.mark.parametrize("by", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_ended_frames_and_demo_leave_nothing(tmp_path: Path, make_video, by: signal.Signals) -> None:
    """As by a cluster, or a terminal that is closed."""
    make_video(tmp_path / "v.mp4", frames=2000, size=(640, 480))
    interrupt(tmp_path, "frames.h5", "frames", "v.mp4", "frames.h5", by=by)
    interrupt(tmp_path, "player-01.mp4", "demo", "--out", "demo", "player-01", by=by)


def test_what_is_ignored_stays_ignored(tmp_path: Path, make_video) -> None:
    """By nohup."""
    video, out = make_video(tmp_path / "v.mp4", frames=300, size=(640, 480)), tmp_path / "frames.h5"
    verb = subprocess.Popen(
        ["nohup", *COMMAND, "frames", str(video), str(out)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not list(tmp_path.glob("frames.h5.tmp-*")):
        assert verb.poll() is None
        time.sleep(0.005)
    verb.send_signal(signal.SIGHUP)
    said = verb.communicate(timeout=60)[0]
    assert verb.returncode == 0, said
    assert stage_files.frame_count(out) == 300


@pytest.mark.slow
def test_ended_at_any_moment_nothing_is_left(tmp_path: Path, make_video) -> None:
    """Two dozen times, at moments spread over all that the verb does."""
    make_video(tmp_path / "v.mp4", frames=400, size=(640, 480))
    clock = time.monotonic()
    assert run("frames", "v.mp4", "frames.h5", cwd=tmp_path).returncode == 0
    took = time.monotonic() - clock
    for moment in range(24):
        verb = subprocess.Popen(
            [*COMMAND, "frames", "v.mp4", "frames.h5"],
            env=environment(),
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(took * moment / 24)
        verb.send_signal(signal.SIGTERM)
        said = verb.communicate(timeout=60)[1]
        assert verb.returncode in (143, -signal.SIGTERM, 0), said  # before the start, or after the end
        assert "Traceback" not in said
        assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.h5", "v.mp4"]
        assert stage_files.frame_count(tmp_path / "frames.h5") == 400


@pytest.mark.slow
@pytest.mark.parametrize("beside", ["frames.h5", "dis.h5", "overlay.mp4"])
def test_ended_index_leaves_nothing(tmp_path: Path, make_video, beside: str) -> None:
    make_video(tmp_path / "game.mp4", frames=400, size=(640, 480))
    model_file(tmp_path / "model.pt")
    index = ("index", "game.mp4", "--model", "model.pt", "--out", "out", "--workers", 2, "--device", "cpu")
    interrupt(tmp_path, beside, *index, "--overlay", by=signal.SIGTERM)
    done = run(*index, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_module_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "crisp"]
    options = {"env": environment(), "cwd": tmp_path, "capture_output": True, "text": True, "check": False}
    version = subprocess.run([*command, "--version"], **options)
    assert (version.returncode, version.stdout) == (0, f"{crisp.__version__}\n")
    usage = subprocess.run([*command, "frames", "--help"], **options)
    assert "Usage: crisp frames " in usage.stdout
    fault = subprocess.run([*command, "frames", "none.mp4", "frames.h5"], **options)
    assert fault.returncode == 1
    assert fault.stderr.startswith("crisp: none.mp4")


@pytest.mark.slow
def test_interrupted_index_goes_on(tmp_path: Path, make_video) -> None:
    make_video(tmp_path / "game.mp4", frames=1500, size=(640, 480))
    model_file(tmp_path / "model.pt")
    index = ("index", "game.mp4", "--model", "model.pt", "--out", "out", "--workers", 1, "--device", "cpu")
    interrupt(tmp_path, "dis.h5", *index)
    kept = stage_files.frame_count(tmp_path / "out/game/frames.h5")
    assert kept == 1500  # frames were finished: they are not made again
    done = run(*index, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "frames.h5" not in done.stderr
    assert json.loads((tmp_path / "out/game/index.json").read_text())["video"]["frames"] == 1500


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_interrupted_flow_leaves_nothing(tmp_path: Path, make_video, workers: int) -> None:
    frames, out = tmp_path / "frames.h5", tmp_path / "flow.h5"
    video = make_video(tmp_path / "v.mp4", frames=300, size=(320, 240))
    assert run("frames", video, frames).returncode == 0
    flow = subprocess.Popen(
        [*COMMAND, "flow", str(frames), str(out), "--backend", "opencv", "--workers", str(workers)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while not list(tmp_path.glob("flow.h5.tmp-*")):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    time.sleep(1)  # the workers start, or are at work
    os.killpg(flow.pid, signal.SIGINT)  # as Ctrl-C does: to all processes of the group
    _, said = flow.communicate(timeout=60)
    assert flow.returncode == 130, said
    assert said == "crisp: interrupted; no file is incomplete\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.h5", "v.mp4"]
    assert stage_files.frame_count(frames) == 300


@pytest.mark.parametrize(
    "arguments",
    [
        ("split", "../../evil"),
        ("normalise", "../../evil"),
        ("normalise", "--method", "../evil"),
        ("normalise", "--kind", "../evil"),
        ("train", "--split", "../../evil", "twin"),
        ("train", "../../evil"),
        ("evaluate", "--split", "..", "twin"),
        ("samples", "--out", "a.png", "a/b"),
        ("volume", "v/v.h5", "--method", "dis", "--method", "../evil"),
    ],
)
def test_names_that_lead_out_of_the_results(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CrispError, match=r"bad name|no such choice"):
        CliRunner().invoke(application.app, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("1E-3", 0.001), ("2.5e-4", 0.00025), (".5e-2", 0.005), ("1e+0", 1)]
)
def test_numbers_with_an_exponent(tmp_path: Path, text: str, value: float) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(CONTENT) + f"training: {{learning_rate: {text}, epochs: 1e2}}\n")
    made = load.load_study(path)
    assert (made.training.learning_rate, made.training.epochs) == (value, 100)
    assert isinstance(made.training.epochs, int)


def test_snapshot_of_small_numbers_is_read_again(tmp_path: Path) -> None:
    """JSON writes 0.00001 as 1e-05, which PyYAML takes for a text."""
    made = load.resolve_study({**CONTENT, "training": {"learning_rate": 0.00001}})
    files.write_json(tmp_path / "study.json", made.config)
    assert "1e-05" in (tmp_path / "study.json").read_text()
    assert load.load_study(tmp_path / "study.json") == made


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf", "1e999", "yes", "nan"])
def test_values_that_are_no_numbers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(CONTENT) + f"training: {{learning_rate: {text}}}\n")
    with pytest.raises(CrispError, match=r"training\.learning_rate: bad value\n    expected: type number"):
        load.load_study(path)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (MemoryError(), "out of memory"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (OverflowError("int too large to convert to float"), "a number in the input is too large"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "incomplete character"),
        (ValueError("embedded null byte"), "a path in the input holds a NUL character"),
        (RuntimeError("Symlink loop from 'a'"), "symbolic links form a loop"),
    ],
)
def test_last_line_of_defence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: Exception, said: str
) -> None:
    def fall(*_: object) -> None:
        raise raised

    monkeypatch.setattr(load, "load_study", fall)
    text = message(monkeypatch, capsys, "models", "--study", "a.yaml")
    assert said in text
    assert "remedy: " in text


@pytest.mark.parametrize("raised", [ValueError("a bug"), RuntimeError("a bug"), KeyError("a bug")])
def test_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> None:
    def fall(*_: object) -> None:
        raise raised

    monkeypatch.setattr(load, "load_study", fall)
    monkeypatch.setattr(sys, "argv", ["crisp", "models", "--study", "a.yaml"])
    with pytest.raises(type(raised), match="a bug"):
        cli.main()


@pytest.mark.parametrize("arguments", [["frames", "a\0b", "c.h5"], ["viewer", "a", "--out", "b\0"]])
def test_argument_with_nul(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert "argument with a NUL character" in message(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["frames", "game.mp4", "circle/frames.h5"],
        ["frames", "circle", "frames.h5"],
        ["viewer", "circle"],
        ["viewer", "index.json", "--out", "circle/page.html"],
        ["import", "circle", "--name", "a"],
        ["check", "--study", "circle"],
        ["demo", "player-01", "--out", "circle"],
    ],
)
def test_links_that_lead_in_a_circle(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make_video: Any,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_video("game.mp4", 3)
    Path("index.json").write_text(json.dumps(sample.index(Path("game.mp4"), [], 20)))
    Path("circle").symlink_to("circle")
    before = sorted(map(str, tmp_path.rglob("*")))
    message(monkeypatch, capsys, *arguments)
    assert sorted(map(str, tmp_path.rglob("*"))) == before


def test_name_in_no_encoding_is_printed(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps(sample.index(tmp_path / "none.mp4", [], 20)))
    done = run("viewer", "index.json", "--out", "p\udcff.html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "p\\udcff.html\n")


def test_report_before_any_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = message(monkeypatch, capsys, "report", "--study", write(Path("my study.yaml")))
    assert "remedy: crisp run --study 'my study.yaml'" in said


def test_frames_finds_a_video_under_another_unicode_form(tmp_path: Path, make_video: Any) -> None:
    make_video(tmp_path / unicodedata.normalize("NFD", "R\u00fcck.mp4"))
    words = ["frames", str(tmp_path / "R\u00fcck.mp4"), str(tmp_path / "a.h5")]
    assert CliRunner().invoke(application.app, words).exit_code == 0
    assert (tmp_path / "a.h5").is_file()
