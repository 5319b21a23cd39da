"""Check that studies do not prepare the same volumes in turns with different settings.

Every run records how its study prepares which videos. Two studies conflict only if both
use a video, differ in an input of a stage file, and this file exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crisp.core import files
from crisp.core.errors import CrispError, Fault
from crisp.core.unreadable import reading
from crisp.core.words import few
from crisp.study.config import Study, parameters
from crisp.study.load import load_study

# Study keys that volumes depend on, and the dependent stage files. A frame_step is set per video.
KEYS = {
    "width": ("preparation.width", "frames.h5"),
    "upscale": ("preparation.upscale", "frames.h5"),
    "roi_alpha": ("preparation.roi.alpha", "roi/*.h5"),
    "roi_threshold": ("preparation.roi.threshold", "roi/*.h5"),
    "roi_power": ("preparation.roi.power", "roi/*.h5"),
    "pose": ("preparation.pose", "pose.h5"),
    "frame_step": ("frame_step", "frames.h5"),
}
SHOWN = 5  # videos per message


def check_preparation(study: Study) -> list[Fault]:
    """Check whether volumes were prepared with other settings by another study that still uses them."""
    try:
        claims = _claims(study)
    except CrispError as error:
        return list(error.faults)
    faults = []
    for owner, claim in claims.items():
        if not _prepared_otherwise(study, owner, claim):
            continue
        claim = _now(study, owner, claim)  # its study file may have changed or been deleted since
        if prepared := _prepared_otherwise(study, owner, claim):
            faults.append(_fault(study, owner, claim, prepared))
    return faults


def record(study: Study) -> None:
    """Record how this study prepares its videos. Others' claims that `check` accepted end there."""
    before = _claims(study)
    claims = dict(before)
    for owner, claim in before.items():
        over = {video for key in KEYS for video in _shared(study, owner, claim, key)}
        claims[owner] = {**claim, "frame_step": _without(claim["frame_step"], over)}
    claims[study.name] = _claim(study)
    if claims != before:
        files.write_json(_file(study), {"studies": claims})


def _claim(study: Study) -> dict[str, Any]:
    """Return the inputs of a study's volumes, with the `frame_step` of every used video."""
    return {**parameters(study), "frame_step": {video: row.frame_step for video, row in study.used.items()}}


def _file(study: Study) -> Path:
    return study.volumes / "preparation.json"


def _claims(study: Study) -> dict[str, dict[str, Any]]:
    """Return the claims on the volumes of a data set by study.

    Raises
    ------
    CrispError
        If the record is damaged or cannot be read.
    """
    path = _file(study)
    with reading(path, "record of how these volumes were prepared"):
        if not path.exists():
            return {}
        path.open().close()  # without permission it is not damaged
    try:
        content = files.read_json(path)
        if "parameters" in content:  # from a version without records per study: for all videos
            steps = content["parameters"]["frame_step"]
            used = {video: steps.get(video, 1) for video in study.used}
            content = {"studies": {content["study"]: {**content["parameters"], "frame_step": used}}}
        claims = content["studies"]
        if all(isinstance(claim["frame_step"], dict) for claim in claims.values()):
            return dict(claims)
    except (CrispError, AttributeError, KeyError, TypeError):
        pass
    raise CrispError(
        Fault(
            str(path),
            "damaged record of how these volumes were prepared",
            'an object {"studies": ...}, as each run writes it',
            remedy="restore the file, or move it away: the volumes stay, and the next run records the "
            "parameters of its study; volumes with other parameters are then recreated",
        )
    )


def _shared(study: Study, owner: str, claim: dict[str, Any], key: str) -> list[str]:
    """Return the videos that a study and another study's claim prepare differently by a key."""
    if owner == study.name:
        return []
    ours, theirs = _claim(study), claim["frame_step"]
    videos = [video for video in study.used if video in theirs]
    if key == "frame_step":
        return [video for video in videos if theirs[video] != ours[key][video]]
    # Only studies with poses record pose parameters.
    return videos if ours.get(key, claim.get(key)) != claim.get(key, ours.get(key)) else []


def _prepared_otherwise(study: Study, owner: str, claim: dict[str, Any]) -> dict[str, list[str]]:
    """Return by key the videos with an existing stage file that depends on it."""
    found = {}
    for key, (_, pattern) in KEYS.items():
        videos = [
            video for video in _shared(study, owner, claim, key) if any((study.volumes / video).glob(pattern))
        ]
        if videos:
            found[key] = videos
    return found


def _now(study: Study, owner: str, claim: dict[str, Any]) -> dict[str, Any]:
    """Return the owner's current claim; none if its study file is gone or has another name."""
    record = study.results.parent / owner / "owner.json"
    try:
        path = Path(files.read_json(record)["study_file"])
        if not path.exists():
            return {"frame_step": {}}
        other = load_study(path)
        if (other.name, other.dataset) != (owner, study.dataset):
            return {"frame_step": {}}
        return _claim(other)
    except (CrispError, KeyError, TypeError):
        return claim  # its state is unknown


def _without(steps: dict[str, int], videos: set[str]) -> dict[str, int]:
    return {video: step for video, step in steps.items() if video not in videos}


def _fault(study: Study, owner: str, claim: dict[str, Any], prepared: dict[str, list[str]]) -> Fault:
    videos = list(dict.fromkeys(video for some in prepared.values() for video in some))
    return Fault(
        str(study.volumes),
        f"volumes of data set {study.dataset!r} were prepared with other parameters, by study {owner!r}: "
        f"{few(videos, SHOWN)}",
        ", ".join(_value(claim, key, some[0]) for key, some in prepared.items()),
        ", ".join(_value(_claim(study), key, some[0]) for key, some in prepared.items()),
        f"give study {study.name!r} another dataset.name, with dataset.data {study.data}, for volumes of its "
        "own; or use the same values",
    )


def _value(claim: dict[str, Any], key: str, video: str) -> str:
    return f"{KEYS[key][0]} {claim[key][video] if key == 'frame_step' else claim.get(key)}"
