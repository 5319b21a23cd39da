"""YAML with repeated keys is refused, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp import strict_yaml
from crisp.errors import CrispError

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
        strict_yaml.read(path)
    return [(fault.where.removeprefix(f"{path}, "), fault.what, fault.found) for fault in error.value.faults]


def test_good_file_reads_as_yaml_means_it(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(GOOD)
    content = strict_yaml.read(tmp_path / "s.yaml")
    assert content["late"] == {"size": 3, "flow": "dis"}
    assert content["outer"]["inner"] == {"size": 2, "flow": "dis"}
    assert [one["name"] for one in content["list"]] == ["a", "b"]
    assert content[1] == "one"


def test_every_repeated_key_is_told_with_its_line(tmp_path: Path) -> None:
    variants = "variants:\n  - name: a\n    size: 1\n    name: b\n"
    text = f"seeds: [1]\n{variants}training: {{epochs: 1, epochs: 2}}\nseeds: [2]\n"
    assert faults(tmp_path, text) == [
        ("line 5", "key 'name' is there twice", "also in line 3"),
        ("line 6", "key 'epochs' is there twice", "also in line 6"),
        ("line 7", "key 'seeds' is there twice", "also in line 1"),
    ]


def test_mapping_that_holds_itself_ends(tmp_path: Path) -> None:
    assert faults(tmp_path, "a: &x\n  b: *x\n  b: 1\n")[0][0] == "line 3"


@pytest.mark.parametrize("text", ["study: [", "? [1, 2]\n: 3\n", "a: 1\n---\na: 2\n", "a: \x01"])
def test_what_is_no_yaml(tmp_path: Path, text: str) -> None:
    ((_, what, _),) = faults(tmp_path, text)
    assert what == "study file cannot be read"
