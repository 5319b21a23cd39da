"""What the documentation points to exists, and what it tells people to type is understood."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest
import snakemake
import typer
from snakemake.cli import get_argument_parser

from crisp.cli import application
from tests.pages import PAGES, ROOT, blocks, commands, lines

VERBS: dict[str, Any] = typer.main.get_command(application.app).commands  # type: ignore[attr-defined]
TOP = {"--help", "-h", "--version", "--install-completion", "--show-completion"}
# Programs of the system, whose words are theirs.
OTHERS = {
    "git",
    "cd",
    "source",
    ".",
    "mv",
    "ls",
    "ln",
    "column",
    "cut",
    "pip",
    "snakedeploy",
    "ssh",
    "tmux",
    "sbatch",
    "xdg-open",
}
TYPED = [
    pytest.param(command, id=f"{page.relative_to(ROOT)}: {' '.join(command)}"[:100])
    for page in PAGES
    for language, block in blocks(page)
    if language == "sh"
    for line in lines(block)
    for command in commands(line)
]
EXAMPLES = [pytest.param(re.search("Example: (.*)", verb.help)[1], id=name) for name, verb in VERBS.items()]


def understand(command: list[str]) -> None:
    """Fail unless a command is one that its program would take; it is not run."""
    program, *arguments = command
    if program == "crisp":
        understand_crisp(arguments)
    elif program == "snakemake":
        understand_snakemake(arguments)
    elif program == "make":
        goals = [word for word in arguments if "=" not in word]
        done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert goals
        # A study that is imported first is missing.
        assert done.returncode == 0 or "config/mine/study.yaml" in done.stderr, done.stderr
    elif program in ("python", "python3"):
        path = ROOT / (arguments[1].replace(".", "/") + ".py" if arguments[0] == "-m" else arguments[0])
        assert path.exists()
    else:
        assert program in OTHERS


def understand_crisp(arguments: list[str]) -> None:
    if arguments[0] in TOP:
        return
    assert arguments[0] in VERBS
    if not TOP.intersection(arguments):
        VERBS[arguments[0]].make_context(arguments[0], arguments[1:])


def understand_snakemake(arguments: list[str]) -> None:
    given = vars(get_argument_parser().parse_args(arguments))  # on an unknown option: SystemExit
    if given["profile"]:
        assert (ROOT / given["profile"][0] / "profile.yaml").exists()
    for path in given["configfile"] or []:
        if path.parts[0] == "config" and path.parts[1] in {one.name for one in (ROOT / "config").iterdir()}:
            assert (ROOT / path).exists()


@pytest.mark.parametrize("command", TYPED)
def test_commands_are_understood(command: list[str]) -> None:
    understand(command)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_help_are_understood(example: str) -> None:
    for command in commands(example):
        understand(command)


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("crisp chekc", "chekc"),
        ("crisp check --stduy s", "No such option: --stduy"),
        ("crisp index a.mp4", "Missing parameter: model"),
        ("snakemake --configfile config/demo/mdoels.yaml", "mdoels.yaml"),
        ("make dmeo", "dmeo"),
        ("python benchmarks/flwo.py", "flwo.py"),
        ("vim study.yaml", "vim"),
    ],
)
def test_a_wrong_command_is_noticed(command: str, fault: str) -> None:
    with pytest.raises(Exception, match=fault):
        understand(command.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_stand_in_blocks_that_are_tested(page: Path) -> None:
    for language, block in blocks(page):
        typed = re.findall(r"^(?:crisp|snakemake|make|python|pip) .*", block, re.MULTILINE)
        assert language == "sh" or not typed, typed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_exist(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for words in re.findall(r"`crisp ([^`]+)`", text):
        verb, *rest = words.partition(" -- ")[0].split()  # what follows goes to Snakemake
        if verb in TOP or verb.startswith("<"):
            continue
        options = {name for one in VERBS[verb].params for name in (*one.opts, *one.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= options | TOP, words


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a clone of the repository")
def test_what_the_commands_write_is_ignored_by_git() -> None:
    said = [page.read_text() for page in PAGES] + [verb.help for verb in VERBS.values()]
    written = set(re.findall(r"--(?:out|report)[ =]([\w./-]*[\w])", "\n".join(said)))
    written |= {f"{path}/file" for path in written if "." not in path} - {"config/mine/file"}
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT,
        input="\n".join(written),
        capture_output=True,
        text=True,
    )
    assert {"found/file", "by-hand/file", "samples.png"} < written
    files = {path for path in written if "." in path or path.endswith("/file")}
    assert files - set(done.stdout.split()) == set()


def typed(page: str, block: int, folder: Path) -> str:
    """Run a shell block of a page in a folder; what it prints."""
    shell = [text for language, text in blocks(ROOT / "docs" / page) if language == "sh"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", shell[block]],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_stages_by_hand(tmp_path: Path) -> None:
    typed("student.md", 1, tmp_path)
    with h5py.File(tmp_path / "by-hand/player-21/player-21.h5") as volume:
        assert volume["rgb"].shape == (579, 54, 96, 3)
        assert volume["flow/dis"].shape == (579, 54, 96, 2)
        assert volume["roi/dis"].shape == (579, 2, 2)


def test_json_of_the_demo(tmp_path: Path) -> None:
    """In a clone that has run nothing: where the demo is finished nothing would be planned."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    decoder = json.JSONDecoder()
    said = typed("commands.md", 0, tmp_path)
    check, end = decoder.raw_decode(said)
    plan, _ = decoder.raw_decode(said[end:].lstrip())
    assert check["faults"] == []
    assert "train" in {row["rule"] for row in plan["rows"]}


def texts(*folders: Path) -> str:
    """All that the source files of folders hold, with texts that go on over lines joined."""
    paths = [path for folder in folders for path in [*folder.rglob("*.py"), *folder.rglob("*.smk")]]
    source = "\n".join(path.read_text(encoding="utf-8") for path in [*paths, ROOT / "Makefile"])
    return re.sub(r"""["']\s*\n\s*f?["']""", "", source)


def test_messages_of_the_troubleshooting_exist() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    own, others = page.split("## From Snakemake")
    for part, source in (
        (own, texts(ROOT / "crisp", ROOT / "workflow")),
        (others, texts(Path(snakemake.__file__).parent)),
    ):
        messages = re.findall(r"^\| `(.+?)` \|", part, re.MULTILINE)
        assert len(messages) >= 4
        assert [message for message in messages if message not in source] == []


def test_the_page_of_the_command_line_lists_all_verbs() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    stages = dict(re.findall(r"^\| (\w+) \| (`import`.*|`.*) \|$", text, re.MULTILINE))
    for panel, verbs in stages.items():
        assert re.findall(r"`([\w-]+)`", verbs) == [
            name for name, verb in VERBS.items() if verb.rich_help_panel == panel
        ]
    assert sum(len(verbs.split(",")) for verbs in stages.values()) == len(VERBS)
    documented = set(re.findall(r"^\| `crisp ([\w-]+) --json`", text, re.MULTILINE))
    assert documented == {
        name for name, verb in VERBS.items() if any("--json" in one.opts for one in verb.params)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["verification", "security"])
def test_named_tests_exist(page: str) -> None:
    text = (ROOT / f"docs/{page}.md").read_text()
    cells = re.findall(r"`(tests/[\w/.]+\.py)((?:::\w+)?)`((?:, `::\w+`)*)", text)
    assert len(cells) > 15
    for path, first, more in cells:
        source = (ROOT / path).read_text()
        for name in re.findall(r"::(\w+)", first + more):
            assert f"def {name}(" in source, f"{path}::{name}"
