"""A study file: defaults, unknown keys, contradictions."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from crisp.core.errors import CrispError
from crisp.study import annotators, config, load, schema, tables, variants


def content(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "study": "s",
        "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
        "classes": ["Negative", "Hit"],
        "variants": [{"name": "twin"}],
    }
    return {**base, **changes}


def faults(**changes: Any) -> str:
    with pytest.raises(CrispError) as error:
        load.resolve_study(content(**changes), "my.yaml")
    return str(error.value)


def test_defaults_come_from_the_schema() -> None:
    given = content()
    made = load.resolve_study(given)
    assert given == content()
    assert (made.width, made.flow_methods, made.negative_share, made.split_method) == (
        320,
        ("deepflow",),
        0.1,
        "by_video",
    )
    assert made.data == Path("data/d")
    assert made.volumes == Path("results/volumes/d")
    assert made.variants[0].size == (100, 120, 120)
    assert made.variants[0].streams == ("rgb", "flow")


@pytest.mark.parametrize(
    ("split", "what"),
    [
        ({"method": "given", "folds": 3}, "split.folds: folds cannot be combined with the method given"),
        (
            {"method": "leave_one_group_out", "folds": 3},
            "cannot be combined with the method leave_one_group_out",
        ),
        ({"folds": 1}, "split.folds: one fold is no cross-validation"),
    ],
)
def test_folds_that_make_no_sense(split: dict[str, Any], what: str) -> None:
    assert what in faults(split=split)


def test_names_of_the_splits() -> None:
    assert load.resolve_study(content()).split_names == ("main",)
    assert load.resolve_study(content(split={"folds": 3})).split_names == ("fold-1", "fold-2", "fold-3")


def test_super_classes() -> None:
    assert load.resolve_study(content()).super_classes == {}
    classes = ["Negative", "Serve Forehand Loop"]
    shipped = load.resolve_study(content(classes=classes)).super_classes
    assert shipped["hand"] == {"Negative": "Negative", "Serve Forehand Loop": "Forehand"}
    own = {"active": {"Negative": "no", "Hit": "yes"}}
    assert load.resolve_study(content(super_classes=own)).super_classes == own
    message = faults(super_classes={"active": {"Hit": "yes", "Psuh": "yes"}})
    assert "my.yaml, super_classes.active: not a super-class for each class" in message
    assert "found: missing Negative; no class Psuh" in message


def keys_of(rule: dict[str, Any], prefix: str = "") -> set[str]:
    """All keys of a schema that have no keys of their own, dotted."""
    return {
        key
        for name, part in rule["properties"].items()
        for key in (keys_of(part, f"{prefix}{name}.") if "properties" in part else [prefix + name])
    }


def test_each_key_of_the_schema_has_one_field() -> None:
    def names(part: type) -> list[str]:
        return [field.name for field in dataclasses.fields(part)]

    nested = {
        "training": variants.Training,
        "detection": variants.Detection,
        "annotators": annotators.Merging,
    }
    places = [field.metadata["place"] for field in dataclasses.fields(config.Study) if field.metadata]
    found = [place for place in places if place not in nested]
    found += [f"{key}.{name}" for key, part in nested.items() for name in names(part)]
    others = ["dataset.data", "super_classes"]  # properties: their defaults depend on other keys
    others += ["defaults"]  # part of each variant
    assert sorted([*found, *others]) == sorted(keys_of(schema.schema()))
    assert sorted(names(variants.Variant)) == sorted(schema.schema()["$defs"]["variant"]["properties"])


def test_variants_take_over_the_shared_defaults() -> None:
    made = load.resolve_study(
        content(
            defaults={"size": [16, 32, 32], "model": "rgb"},
            variants=[{"name": "a"}, {"name": "b", "model": "flow"}],
        )
    )
    assert [(one.model, one.size) for one in made.variants] == [("rgb", (16, 32, 32)), ("flow", (16, 32, 32))]
    assert made.variant("b").streams == ("flow",)
    with pytest.raises(CrispError, match="no variant 'c'"):
        made.variant("c")


@pytest.mark.parametrize(
    ("changes", "place", "found", "meant"),
    [
        ({"clases": []}, "my.yaml, top level: unknown key", "clases", "spelling: classes?"),
        ({"split": {"Metod": "given"}}, "my.yaml, split: unknown key", "Metod", "spelling: method?"),
        (
            {"variants": [{"name": "a", "modle": "rgb"}]},
            "variants.0: unknown key",
            "modle",
            "spelling: model?",
        ),
        ({"preparation": {"roi": {1: 2, "b": 3}}}, "preparation.roi: unknown key", "1", "see config/README"),
        ({"preparation": {"roi": {1: 2, "b": 3}}}, "preparation.roi: unknown key", "b", "see config/README"),
        ({"width": 320}, "top level: unknown key", "width", "where it belongs: preparation.width"),
        ({"batch_size": 4}, "top level: unknown key", "batch_size", "where it belongs: training.batch_size"),
    ],
)
def test_unknown_keys(changes: dict[str, Any], place: str, found: str, meant: str) -> None:
    message = faults(**changes)
    assert place in message
    assert re.search(f"found: {found}\n    remedy: .*{meant}", message)


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"decision": "gausian"}, "gaussian"),
        ({"split": {"method": "by-video"}}, "by_video"),
        ({"preparation": {"flow_methods": ["deepflow", "tlv1"]}}, "tvl1"),
        ({"preparation": {"pose": {"joints": {"left sholder": "x"}}}}, "left shoulder"),
        ({"variants": [{"name": "a", "model": "threestream"}]}, "three-stream"),
        ({"training": {"schedule": "COSINE"}}, "cosine"),
    ],
)
def test_value_that_is_no_choice(changes: dict[str, Any], meant: str) -> None:
    assert f"correct the spelling: {meant}?" in faults(**changes)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\x1b[31m"])
def test_text_with_control_characters(text: str) -> None:
    assert "control characters" in faults(classes=["Hit", text, "Negative"])


def test_number_beyond_all_floats() -> None:
    assert "training.learning_rate: bad value" in faults(training={"learning_rate": 10**400})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study": "../up"}, "my.yaml, study: bad value"),
        ({"classes": ["one"]}, "my.yaml, classes: bad value"),
        ({"classes": ["one", "one"]}, "my.yaml, classes: bad value"),
        ({"preparation": {"width": "wide"}}, "my.yaml, preparation.width: bad value"),
        ({"preparation": None}, "my.yaml, preparation: bad value"),
        ({"negatives": {"share": 1}}, "my.yaml, negatives.share: bad value"),
        ({"split": {"shares": [0.5, 0.2, 0.1]}}, "shares do not add up"),
        ({"variants": [{"name": "a"}, {"name": "A"}]}, "variant name is taken (ignoring case)"),
        ({"variants": [{"name": "a", "flow": "dis"}]}, "flow method 'dis' is not prepared"),
        ({"variants": [{"name": "a", "model": "three-stream"}]}, "takes poses, and the data set has none"),
        ({"variants": [{"name": "a", "model": "pose", "attention": True}]}, "attention is for video"),
        ({"preparation": {"pose": {"joints": {"left hand": "hand"}}}}, "preparation.pose.joints"),
        ({"negatives": {"class": "None"}}, "class of the negatives is not a class"),
        ({"dataset": {"name": "d"}}, "'videos' is a required property"),
    ],
)
def test_bad_values(changes: dict[str, Any], message: str) -> None:
    assert message in faults(**changes)


def test_all_faults_in_one_list() -> None:
    message = faults(study="a b", clases=[], seeds=[-1])
    assert all(part in message for part in ("study: bad value", "unknown key", "seeds.0: bad value"))


def test_flow_groups_differ_in_flow_and_normalisation_alone() -> None:
    flows = [{"flow": "dis"}, {"flow": "deepflow", "norm_method": "max"}]
    models = [{"model": "flow"}, {"model": "twin", "attention": True}, {"model": "twin", "flip": False}]
    alone = [{"name": "alone", "model": "flow", "flip": False}, {"name": "rgb", "model": "rgb"}]
    variants = [{"name": f"v{i}{j}", **m, **f} for i, m in enumerate(models) for j, f in enumerate(flows)]
    preparation = {"flow_methods": ["deepflow", "dis"]}
    groups = load.resolve_study(content(variants=[*variants, *alone], preparation=preparation)).flow_groups
    assert {name: [variant.name for variant in group] for name, group in groups.items()} == {
        "flow, flip True, attention False": ["v00", "v01"],
        "twin, flip True, attention True": ["v10", "v11"],
        "twin, flip False, attention False": ["v20", "v21"],
    }
    assert load.resolve_study(content(variants=alone)).flow_groups == {}


def test_load_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(content()))
    assert load.load_study(path).name == "s"
    with pytest.raises(CrispError, match="study file is missing"):
        load.load_study(tmp_path / "none.yaml")
    path.write_text("study: [")
    with pytest.raises(CrispError, match="study file cannot be read"):
        load.load_study(path)
    path.write_text(yaml.safe_dump(content()) + "study: t\n")
    with pytest.raises(CrispError, match=r"line \d+: key 'study' occurs twice"):
        load.load_study(path)
    path.write_text("")
    with pytest.raises(CrispError, match="top level: bad value"):
        load.load_study(path)


def test_tables_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("videos.tsv").write_text(
        "video\tpath\tsize\tframes\tsha256\tfps\tgroup\tuse\tnote\n"
        "1\ta.mp4\t1\t9\tx\t25\t\tyes\t\n2\tb.mp4\t1\t9\tx\t25\t\tno\tblurred\n"
    )
    Path("annotations.tsv").write_text(
        "video\tpath\ttask\tsplit\n1\txml/1.xml\tclassification\t\n2\txml/2.xml\tdetection\t\n"
    )
    made = load.resolve_study(content())
    assert list(made.videos) == ["1", "2"]
    assert list(made.used) == ["1"]
    assert [row.video for row in made.annotations] == ["1"]
    assert made.source("1") == Path("data/d/a.mp4")
    assert made.stage_file("1", "frames") == Path("results/volumes/d/1/frames.h5")
    assert made.stage_file("1", "flow", "dis") == Path("results/volumes/d/1/flow/dis.h5")
    row = made.annotations[0]
    assert made.annotation_file(row) == Path("xml/1.xml")
    Path("data/d/xml").mkdir(parents=True)
    Path("data/d/xml/1.xml").write_text("<video/>")
    assert made.annotation_file(row) == Path("data/d/xml/1.xml")


def test_numbers_of_a_list_on_snakemakes_command_line_are_numbers() -> None:
    """``--config 'seeds=[1,2]'`` arrives as a list of texts."""
    assert load.resolve_study(content(seeds=["1", "2"])).seeds == (1, 2)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"study": "tiny\n"}, "study"),
        ({"dataset": {"name": "d\n", "videos": "v", "annotations": "a"}}, "dataset.name"),
        ({"variants": [{"name": "a\n"}]}, "variants.0.name"),
        ({"classes": ["Negative", "Hit\n"]}, "classes.1"),
        ({"classes": ["Negative", "Hit\r"]}, "classes.1"),
        ({"classes": ["Negative", "\x1b[31mHit"]}, "classes.1"),
        ({"classes": ["Negative", "Hit" * 100]}, "classes.1"),
        ({"super_classes": {"a\n": {"Negative": "no", "Hit": "yes"}}}, "super_classes"),
        ({"super_classes": {"a": {"Negative": "no", "Hit": "yes\n"}}}, "super_classes.a.Hit"),
        ({"super_classes": {1: {"Negative": "no", "Hit": "yes"}}}, "super_classes"),
        ({"super_classes": {"a": {1: "no", "Hit": "yes"}}}, "super_classes.a"),
        ({"seeds": [2**64]}, "seeds.0"),
        ({"seeds": ["1e30"]}, "seeds.0"),
        ({"split": {"seed": 2**64}}, "split.seed"),
        ({"split": {"folds": 10**9}}, "split.folds"),
        ({"training": {"epochs": 10**30}}, "training.epochs"),
        ({"training": {"batch_size": 10**30}}, "training.batch_size"),
        ({"training": {"threads": 10**9}}, "training.threads"),
        ({"detection": {"smoothing": 1e300}}, "detection.smoothing"),
        ({"negatives": {"seconds": 1e300}}, "negatives.seconds"),
        ({"report": {"videos": 10**30}}, "report.videos"),
    ],
)
def test_names_and_numbers_that_nothing_can_hold(changes: dict[str, Any], where: str) -> None:
    assert faults(**changes).startswith(f"my.yaml, {where}: bad value")


def test_largest_seed_is_taken() -> None:
    assert load.resolve_study(content(seeds=[2**64 - 1])).seeds == (2**64 - 1,)


def test_whole_numbers_of_a_study_have_an_end() -> None:
    """A number without one would be a list, a loop or an array of that length somewhere."""

    def endless(rule: Any, path: str = "") -> list[str]:
        if not isinstance(rule, dict):
            return []
        own = [path] if rule.get("type") == "integer" and "maximum" not in rule else []
        return own + [found for key, part in rule.items() for found in endless(part, f"{path}.{key}")]

    assert endless(schema.schema()) == []


def test_parts_of_a_flow_are_no_more_than_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables.write_videos("videos.tsv", [tables.VideoRow("v", "v.mp4", 1, 50, "", 25.0)])
    made = load.resolve_study(content(preparation={"scatter_seconds": 1e-300}))
    assert made.flow_parts("v", "deepflow") == 50


@pytest.mark.parametrize("value", [10**400, -(10**400), float("nan"), float("inf"), 10**20])
@pytest.mark.parametrize(
    ("part", "key"),
    [("training", "batch_size"), ("detection", "stride"), ("split", "seed"), ("preparation", "width")],
)
def test_numbers_beyond_all_bounds(part: str, key: str, value: float) -> None:
    with pytest.raises(CrispError, match="bad value"):
        load.resolve_study(content(**{part: {key: value}}))


@pytest.mark.parametrize(
    "label", ["a\x00", "a\x0b", "a\x1b[31m", "a\n", "a\r", "a\ud800", "a\uffff", "a\u2028", "x" * 201]
)
def test_labels_that_no_export_could_hold(label: str) -> None:
    for changes in ({"classes": [*content()["classes"], label]}, {"super_classes": {label: {}}}):
        with pytest.raises(CrispError, match="bad value") as error:
            load.resolve_study(content(**changes))
        assert str(error.value).replace("\n", "").isprintable()


def test_names_end_where_they_seem_to() -> None:
    """In Python a pattern's end is also before the last line break."""
    with pytest.raises(CrispError, match="up to 100 letters, digits"):
        load.resolve_study(content(study="a\n"))


@pytest.mark.parametrize("text", ["No", "on", "yes", "~", "1", "1.5", "1:30", "2020-01-01"])
def test_a_class_that_yaml_does_not_read_as_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.yaml"
    content_ = yaml.safe_dump(content(classes=["Negative", "Hit"]))
    path.write_text(content_.replace("- Hit", f"- {text}"))
    value = yaml.safe_load(text)
    with pytest.raises(CrispError) as error:
        load.load_study(path)
    (fault,) = [fault for fault in error.value.faults if fault.where == f"{path}, classes.1"]
    assert (fault.expected, fault.found) == ("type string", f"{text}, which YAML reads as {value!r}")
    assert fault.remedy == f'put it in quotes: "{text}"'


def test_a_key_that_yaml_does_not_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content()) + "super_classes:\n  active: {No: x}\n")
    with pytest.raises(CrispError, match=r'active: bad value[\s\S]*found: No, [\s\S]*in quotes: "No"'):
        load.load_study(path)
    with pytest.raises(CrispError, match="remedy: put it in quotes"):
        load.resolve_study(content(classes=[True, "Hit"]), "a.yaml, b.yaml")


def test_a_variant_has_training_keys_of_its_own() -> None:
    made = load.resolve_study(
        content(
            training={"weight_decay": 0.01, "epochs": 7},
            defaults={"training": {"momentum": 0.25}},
            variants=[{"name": "a"}, {"name": "b", "training": {"weight_decay": "5e-2", "batch_size": 5}}],
        )
    )
    a, b = (made.training_of(made.variant(name)) for name in "ab")
    assert (a.weight_decay, a.batch_size, a.epochs, a.momentum) == (0.01, 10, 7, 0.25)
    assert (b.weight_decay, b.batch_size, b.epochs, b.momentum) == (0.05, 5, 7, 0.25)


@pytest.mark.parametrize(
    ("training", "what"),
    [
        ({"workers": 2}, "training.workers: key is the same for all variants"),
        ({"threads": 2}, "training.threads: key is the same for all variants"),
        ({"momentum": 0}, "training.nesterov: Nesterov's form of no momentum"),
        ({"super_class_loss": 1}, "training.super_class_loss: loss of super-classes, and the study has none"),
        ({"super_class_loss": -1}, "variants.0.training.super_class_loss: bad value"),
        ({"epoch": 2}, "variants.0.training: unknown key"),
        ({"batch_size": 0}, "variants.0.training.batch_size: bad value"),
    ],
)
def test_training_keys_of_a_variant_that_make_no_sense(training: dict[str, Any], what: str) -> None:
    assert what in faults(variants=[{"name": "a", "training": training}])


@pytest.mark.parametrize(
    ("variant", "what"),
    [
        ({"model": "pose", "attention": True}, "attention is for video"),
        ({"model": "twin", "pose_attention": True}, "pose_attention is for poses, and model twin takes none"),
        (
            {"model": "rgb", "training": {"optimiser": "lbfgs"}},
            "training.optimiser: lbfgs fits a linear classifier of one stream",
        ),
        ({"model": "trees", "init_from": "m.pt"}, "init_from: trees are grown from nothing"),
        ({"pooling": [2, 2]}, "pooling: not a pooling for each block"),
        ({"size": [8, 8, 8], "pooling": [[1, 2, 4]]}, "size: clip is too small for the poolings"),
        ({"model": "pose", "size": [8, 8, 8], "filters": [4] * 4}, "at least [16]"),
    ],
)
def test_layers_that_make_no_sense(variant: dict[str, Any], what: str) -> None:
    dataset = {**content()["dataset"], "poses": "poses"}
    assert what in faults(dataset=dataset, variants=[{"name": "a", **variant}])


@pytest.mark.parametrize(
    ("variant", "what"),
    [
        ({"model": "twin", "input": "flow"}, "input: model twin has no input"),
        ({"model": "i3d", "weights": "kinetics400"}, "weights: model i3d has no weights"),
        ({"model": "mvit_v2_s"}, "size: mvit_v2_s does not take clips of this size"),
        ({"model": "s3d", "network_size": [16, 112, 112]}, "expected: [14, 224, 224] or more"),
        ({"model": "r3d_18", "network_size": [16]}, "network_size: bad size"),
        ({"model": "r3d_18", "attention": True}, "attention and head are for CRISP's own trunks"),
        ({"model": "r3d_18", "weights": "kinetics400", "init_from": "m.pt"}, "both weights and init_from"),
        ({"model": "r3d_18", "frozen": True}, "frozen: a frozen network needs pre-trained weights"),
        ({"model": "twin", "frozen": True}, "frozen: a frozen network needs pre-trained weights"),
        (
            {"model": "r3d_18", "input": "rgb-flow", "weights": "kinetics400", "frozen": True},
            "frozen: a frozen network takes RGB alone",
        ),
    ],
)
def test_keys_of_other_networks_that_make_no_sense(variant: dict[str, Any], what: str) -> None:
    assert what in faults(variants=[{"name": "a", **variant}])


def test_streams_of_other_networks() -> None:
    variants = [{"name": name or "none", "model": "i3d", "input": name} for name in ("", "flow", "rgb-flow")]
    made = load.resolve_study(content(variants=variants))
    assert [one.streams for one in made.variants] == [("rgb",), ("flow",), ("rgb", "flow")]


def test_a_changed_default_retrains_only_who_takes_it() -> None:
    """Before, missing `pose_norm` meant the crop: only models with poses are other ones without it."""

    def settings(model: str, **keys: Any) -> dict[str, Any]:
        poses = {**content()["dataset"], "poses": "poses"}
        made = [{"name": "v", "model": model, **keys}]
        study = load.resolve_study(content(dataset=poses, variants=made))
        return study.train_settings(study.variants[0])[0]

    assert schema.defaults("defaults")["pose_norm"] == "player"
    for model in ("pose", "three-stream"):
        assert settings(model)["pose_norm"] == "player"
        assert "pose_norm" not in settings(model, pose_norm="crop")
        assert settings(model, pose_norm="image")["pose_norm"] == "image"
    for stated in ({}, {"pose_norm": "crop"}):
        assert "pose_norm" not in settings("twin", **stated)
    assert settings("twin", pose_norm="image")["pose_norm"] == "image"
