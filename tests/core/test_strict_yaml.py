"""YAML with repeated keys, without end, or that runs code is refused, with its line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.core import strict_yaml
from crisp.core.errors import CrispError

ROOT = Path(__file__).parents[2]
GOOD = """\
study: s
shared: &shared {size: 1, flow: dis}
outer:
  inner: &inner
    <<: *shared
    size: 2
late:
  <<: *inner
  size: 3
list: [{name: a}, {name: b}]
1: one
"""


def faults(tmp_path: Path, text: str) -> list[tuple[str, str, str]]:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(CrispError) as error:
        strict_yaml.read_yaml(path)
    return [(fault.where.removeprefix(f"{path}, "), fault.what, fault.found) for fault in error.value.faults]


def test_good_file_reads_as_yaml_means_it(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(GOOD)
    content = strict_yaml.read_yaml(tmp_path / "s.yaml")
    assert content["late"] == {"size": 3, "flow": "dis"}
    assert content["outer"]["inner"] == {"size": 2, "flow": "dis"}
    assert [one["name"] for one in content["list"]] == ["a", "b"]
    assert content[1] == "one"


def test_every_repeated_key_is_told_with_its_line(tmp_path: Path) -> None:
    variants = "variants:\n  - name: a\n    size: 1\n    name: b\n"
    text = f"seeds: [1]\n{variants}training: {{epochs: 1, epochs: 2}}\nseeds: [2]\n"
    assert faults(tmp_path, text) == [
        ("line 5", "key 'name' occurs twice", "also in line 3"),
        ("line 6", "key 'epochs' occurs twice", "also in line 6"),
        ("line 7", "key 'seeds' occurs twice", "also in line 1"),
    ]


BOMB = "\n".join([f"a0: &a0 [{'x, ' * 10}]", *(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 10}]" for n in range(1, 30))])
MERGED = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{f'*a{n - 1}, ' * 10}]}}" for n in range(1, 30))]
)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (BOMB, "line 5", "holds too many values"),
        (MERGED, "line 5", "holds too many values"),
        (f"a: [{'x, ' * 200_000}]", "line 1", "holds too many values"),
        ("a: &x\n  b: *x\n", "line 2", "an alias contains itself"),
        ("&x [*x]", "line 1", "an alias contains itself"),
        ("super_classes: &x {s: {t: *x}}", "line 1", "an alias contains itself"),
        (f"a: {'[' * 100_000}", "line 1", "nested too deeply"),
        ("\n".join(f"{' ' * depth}a:" for depth in range(300)), "line 50", "nested too deeply"),
        ("? " * 10_000, "line 1", "nested too deeply"),
    ],
    ids=[
        *(
            "aliases",
            "merges",
            "one long list",
            "in a mapping",
            "in a list",
            "far inside",
            "lists",
            "mappings",
        ),
        "keys",
    ],
)
def test_file_that_grows_out_of_what_it_says_ends(tmp_path: Path, text: str, line: str, what: str) -> None:
    """In a process of its own: what is not refused fills the memory, or never ends."""
    path = tmp_path / "s.yaml"
    path.write_text(text)
    program = "import sys; from crisp.core import strict_yaml; strict_yaml.read_yaml(sys.argv[1])"
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert f"CrispError: {path}, {line}: not a study: {what}" in done.stderr


def test_aliases_of_a_study_are_taken(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("a: &a [1, 2]\nb: [*a, *a]\nc: {<<: {d: *a}}\n")
    content = strict_yaml.read_yaml(tmp_path / "s.yaml")
    assert (content["b"], content["c"]) == ([[1, 2], [1, 2]], {"d": [1, 2]})


@pytest.mark.parametrize("key", ["__use_yte__", "'__use_yte__'", '"\\x5f_use_yte__"'])
def test_template_is_told_before_its_code_could_run(tmp_path: Path, key: str) -> None:
    ((where, what, found),) = faults(tmp_path, f"study: s\n{key}: true\nzzz: ?__import__('os').getpid()\n")
    assert (where, found) == ("line 2", "__use_yte__")
    assert what.startswith("this file can run Python code")


@pytest.mark.parametrize("text", ['"a\\0"', '"\\ud800"', '{"\\0": 1}'])
def test_characters_that_no_text_has(tmp_path: Path, text: str) -> None:
    ((where, what, _),) = faults(tmp_path, f"a: {text}")
    assert (where, what) == ("line 1", "an invalid character")


def test_file_too_large(tmp_path: Path) -> None:
    ((_, what, _),) = faults(tmp_path, "#" * (strict_yaml.LARGEST_FILE + 1))
    assert what == "study file is too large"


@pytest.mark.parametrize(
    "text",
    [
        *("study: [", "? [1, 2]\n: 3\n", "a: 1\n---\na: 2\n", "a: \x01", "a: *b", "a: !!set {[1]: }"),
        *("a: 2026-13-01", "a: !!timestamp x", "a: !!float x", f"a: {'9' * 5000}", "a: !!omap [1]"),
        "a: !!python/object/apply:os.getpid []",
    ],
)
def test_what_is_no_yaml(tmp_path: Path, text: str) -> None:
    ((_, what, _),) = faults(tmp_path, text)
    assert what == "study file cannot be read"


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.yaml")
    with pytest.raises(CrispError, match="study file cannot be read") as error:
        strict_yaml.read_yaml(tmp_path / "s.yaml")
    assert error.value.faults[0].found == "a pipe or device"


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("ab:-?[]{}&*!<>'\"\n 0,|.=~%@#"), max_size=60))
def test_any_text_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("yaml") / "s.yaml"
    path.write_text(text)
    try:
        assert strict_yaml.read_yaml(path) == yaml.safe_load(text)
    except CrispError as error:
        told = [fault.where for fault in error.faults]
    else:
        told = []
    assert all(where.startswith(str(path)) for where in told)
