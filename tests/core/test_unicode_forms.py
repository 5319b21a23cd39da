"""Texts of users are composed, files are found under any form, and look-alikes have one fold."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core import unicode_forms

NFC, NFD = "Rückhand", "Ru\u0308ckhand"


def test_texts_and_keys_are_composed() -> None:
    assert unicode_forms.composed({NFD: [NFD, 1, None, {"a": NFD}]}) == {NFC: [NFC, 1, None, {"a": NFC}]}
    assert unicode_forms.compose("Backhand") == "Backhand"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_a_file_is_found_under_either_form(tmp_path: Path, form: str, asked: str) -> None:
    made = tmp_path / unicodedata.normalize(form, "Übung") / unicodedata.normalize(form, "Rück 1.mp4")
    made.parent.mkdir()
    made.touch()
    assert unicode_forms.existing(unicodedata.normalize(asked, str(tmp_path / "Übung/Rück 1.mp4"))) == made


def test_mixed_forms_missing_files_and_a_file_of_each_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Path(unicodedata.normalize("NFD", "Übung"), NFC)
    made.mkdir(parents=True)
    assert unicode_forms.existing(f"Übung/{NFD}") == made
    assert unicode_forms.existing(f"Übung/{NFD}2") == Path(f"Übung/{NFD}2")
    assert unicode_forms.existing("a/b") == Path("a/b")
    made.with_name(NFD).touch()
    assert unicode_forms.existing(made.with_name(NFD)) == made.with_name(NFD)
    assert unicode_forms.existing(made) == made


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Backhand", "BACKHAND"),
        ("Back hand", "Backhand"),
        ("Backhand", "Back\u200bhand"),
        ("Backhand", "Ｂａｃｋｈａｎｄ"),
        ("Backhand", "Bаckhand"),  # a Cyrillic letter
        ("Backhand", "Вackhand"),
        ("Topspin", "Τopspin"),  # a Greek letter
        ("Сервис", "сервис"),
        (NFC, NFD.upper()),
    ],
)
def test_look_alikes_have_one_fold(one: str, other: str) -> None:
    assert unicode_forms.fold(one) == unicode_forms.fold(other)


def test_other_labels_have_folds_of_their_own() -> None:
    labels = ["Serve", "Swerve", "Rückhand", "Ruckhand", "Serve 1", "Serve 2", "Loop-Drive", "Loop Drive"]
    assert len(set(map(unicode_forms.fold, labels))) == len(labels)


@given(st.text())
def test_a_fold_is_that_of_the_composed_text(text: str) -> None:
    assert unicode_forms.fold(unicode_forms.compose(text)) == unicode_forms.fold(text)


def test_code_points_tell_look_alikes_apart() -> None:
    assert unicode_forms.spelt("Backhand") == "'Backhand'"
    assert unicode_forms.spelt("Bаckhand") == "'Bаckhand' (а U+0430)"
    assert unicode_forms.spelt("a\u200b") == "'a\\u200b'"
