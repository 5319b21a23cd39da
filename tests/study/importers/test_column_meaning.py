"""Headers are understood by their words, in several languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.study.importers import column_words as words
from crisp.study.importers.column_meaning import Bound, understand

FRAMES, SECONDS, MS, TIME = words.FRAMES, words.SECONDS, words.MILLISECONDS, words.TIME


@pytest.mark.parametrize(
    ("header", "begin", "end", "duration"),
    [
        ("Video;Start (s);End (s);Stroke;Player;Split", SECONDS, SECONDS, None),
        ("file name;START FRAME;END FRAME;class;player name;subset", FRAMES, FRAMES, None),
        ("videoFile;startTime;endTime;label;playerId;split", TIME, TIME, None),
        ("clip;onset_ms;duration_ms;behaviour;subject;subset", MS, None, MS),
        ("Vidéo;Début (s);Fin (s);Coup;Joueuse;Partition", SECONDS, SECONDS, None),
        ("Fichier;Image de début;Image de fin;Nom du geste;Joueur;Sous-ensemble", FRAMES, FRAMES, None),
        ("Datei;Beginn [ms];Dauer [ms];Schlagart;Spielerin;Aufteilung", MS, None, MS),
        ("Dateiname;Anfang;Länge;Schlag;Spieler;Teilmenge", "", None, ""),
        ("archivo;inicio (s);duración (s);golpe;jugadora;partición", SECONDS, None, SECONDS),
        ("Video;Inizio (fotogramma);Fine (fotogramma);Colpo;Giocatore;Partizione", FRAMES, FRAMES, None),
        ("Vídeo;Início;Fim;Golpe;Jogador;Partição", "", "", None),
        ("视频;开始时间（秒）;结束时间（秒）;动作;球员;划分", SECONDS, SECONDS, None),
        ("文件名;开始帧;时长帧;类别;选手;子集", FRAMES, None, FRAMES),
        ("動画;開始フレーム;終了フレーム;動作;選手;分割", FRAMES, FRAMES, None),
        ("ビデオ;開始時刻;長さ（秒）;ラベル;プレーヤー;分割", TIME, None, SECONDS),
    ],
)
def test_headers(header: str, begin: str, end: str | None, duration: str | None) -> None:
    columns = understand(header.split(";"))
    assert columns.complete
    assert columns.ambiguous == {}
    assert columns.unused == []
    assert columns.at == {"video": 0, "label": 3, "player": 4, "split": 5}
    assert columns.begin == Bound(1, begin)
    assert columns.end == (None if end is None else Bound(2, end))
    assert columns.duration == (None if duration is None else Bound(2, duration))


@given(st.permutations(["video", "begin", "end", "begin_seconds", "end_seconds", "label", "class", "Start"]))
def test_own_names_come_before_others_in_any_order(header: list[str]) -> None:
    columns = understand(header)
    assert columns.ambiguous == {}
    assert columns.at == {name: header.index(name) for name in columns.at}
    assert columns.begin == Bound(header.index("begin"), "", own=True)
    assert columns.end == Bound(header.index("end"), "", own=True)


def test_of_several_pairs_frames_are_taken() -> None:
    columns = understand(["video", "start time", "start frame", "end time", "end frame", "stroke"])
    assert (columns.begin, columns.end) == (Bound(2, FRAMES), Bound(4, FRAMES))
    assert columns.unused == ["start time", "end time"]


@pytest.mark.parametrize(
    ("header", "ambiguous"),
    [
        ("video,Start,End,Stroke,Class", {"label": ["Stroke", "Class"]}),
        ("video,Start,Onset,End,Stroke", {"begin": ["Start", "Onset"]}),
        ("video,file,Start,End,Stroke", {"video": ["file"]}),
    ],
)
def test_what_can_be_two_things_is_told(header: str, ambiguous: dict[str, list[str]]) -> None:
    columns = understand(header.split(","))
    assert columns.complete
    # CRISP's own name is not doubtful.
    assert columns.ambiguous == {role: names for role, names in ambiguous.items() if role != "video"}


@pytest.mark.parametrize(
    "header",
    ["label_id", "comment", "Set", "Score", "video duration", "player 2", "Übergang", "frame", "", "動く"],
)
def test_what_is_not_understood_is_not_read(header: str) -> None:
    columns = understand(["video", "begin", "end", "label", header])
    assert columns.complete
    assert columns.unused == ([header.lower()] if header else [])


@given(st.lists(st.text(max_size=20), max_size=8))
def test_any_text_can_be_a_header(header: list[str]) -> None:
    columns = understand(header)
    assert all(0 <= column < len(header) for column in columns.used)


def test_every_word_is_as_headers_are_compared() -> None:
    from crisp.study.importers.column_meaning import split_words

    for word in words.KNOWN:
        assert split_words(word) == [word], word
