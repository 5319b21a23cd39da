"""Write imported tables, annotations and study file without overwriting existing files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.files import replacing
from crisp.core.progress import progress
from crisp.core.words import counted, few
from crisp.study import tables
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.importers import player_groups, presets, proposal, rates, video_ids
from crisp.study.importers.annotation_files import AnnotationFiles, Times
from crisp.study.importers.discovery import Found, FoundVideo
from crisp.study.importers.presets import CostOf, Machine
from crisp.study.importers.report import Report
from crisp.study.scan import measure

MOST = 5  # files named in one message


def write_dataset(
    found: Found,
    source: Path,
    folder: Path,
    link: Path,
    decode: bool,
    preset: str,
    fps: float,
    machine: Callable[[], Machine],
    cost: CostOf,
    report: Report,
    update: bool = False,
) -> None:
    """Write tables, annotation files and study of a data set; existing files are kept.

    Parameters
    ----------
    found : Found
        The videos and their labels.
    source : Path
        Base folder of the videos' paths.
    folder : Path
        Folder of the tables; its name is that of the data set.
    link : Path
        Path by which the study finds `source`.
    decode : bool
        Count decoded frames instead of packets.
    preset : str
        Preset of the study, or ``auto``.
    fps : float
        Rate of raw streams whose header has none, frames per second; 0 = unknown.
    machine : callable
        Returns the target machine.
    cost : callable
        Cost of a study on it; see `CostOf`.
    report : Report
        Filled with the results.
    update : bool
        Change existing annotation files and splits that differ from the source.

    Raises
    ------
    CrispError
        If no video can be used; nothing has been written then.
    """
    videos_table = folder / "videos.tsv"
    old = tables.read_videos(videos_table) if videos_table.exists() else []
    names = video_ids.assign(found.videos, {row.path: row.video for row in old})
    known = {row.video for row in old}
    by_id = {row.video: row for row in old}
    new = [video for video in found.videos if names[video.path] not in known]
    times = Times(source)
    for video in progress(new, "videos", "import", len(new)):
        row, fault = _row(names[video.path], source, video, decode, fps, times)
        by_id[row.video] = row
        report.warnings += _measured(source / row.path, row, video, fault, videos_table)
    if not any(row.use for row in by_id.values()):
        raise CrispError(*(report.warnings[:MOST] or [_none_in_use(videos_table)]))

    report.note(videos_table, len(new), len(old), "video")
    pairs = [(by_id[names[video.path]], label) for video in found.videos for label in video.labels]
    labels = AnnotationFiles(folder, source, times, update, report).write(pairs)
    report.warnings += found.problems
    report.notes += found.notes
    study_file = folder / "study.yaml"
    data = proposal.Data(folder, link, labels, _strokes(folder, labels, report), by_id)
    data = _grouped(data, known, report)
    choice = None if study_file.exists() else presets.choose(preset, len(data.labelled), machine(), cost)
    thinned = choice is not None and choice.preset not in presets.AS_RECORDED
    measured = [row for row in data.videos.values() if row.video not in known]
    rate = rates.working_rate(measured, old, thinned, data.short)
    added = [replace(row, frame_step=rates.step(row, rate)) for row in measured]
    report.warnings += rates.odd(videos_table, added, rate)
    rows = [*old, *added]
    if added:
        tables.write_videos(videos_table, rows)
    if not labels and not study_file.exists():
        report.warnings.append(_unlabelled(folder, report.source))
        return
    if choice is None:
        _kept(study_file, data, preset, report)
        return
    proposed = proposal.propose(data, rows, choice, report, study_file)
    with replacing(study_file) as beside:
        beside.write_text(proposed.text, encoding="utf-8")
    report.added.append(str(study_file))
    report.notes += proposed.notes
    report.warnings += proposed.faults


def _grouped(data: proposal.Data, known: Collection[str], report: Report) -> proposal.Data:
    """Return trimmed clips with groups guessed from their names, if they have none and all are new."""
    if known or not data.trimmed or data.grouped:
        return data
    labelled = {video.path: stroke.label for video, stroke in data.labelled}
    groups = player_groups.guess(list(labelled.items()))
    if not groups:
        return data
    distinct = sorted(set(groups.values()))
    report.notes.append(
        f"note: {counted(len(distinct), 'group')} guessed from the names of the clips: "
        f"{few(distinct, MOST)}; clips of a group never train and test together. If they are not the "
        f"players, correct the column group of {data.folder / 'videos.tsv'}"
    )
    rows = {name: replace(row, group=groups.get(row.path, "")) for name, row in data.videos.items()}
    return replace(data, videos=rows)


def _row(
    name: str, source: Path, video: FoundVideo, decode: bool, fps: float, times: Times
) -> tuple[tables.VideoRow, Fault | None]:
    """Return the row of a video, and faults of the file."""
    try:
        found = measure(source / video.path, decode, fps)
    except CrispError as error:
        fault = error.faults[0]
        note = " ".join(f"{fault.what}: {fault.found}".split())[:200]
        return tables.VideoRow(name, video.path, use=False, note=note), fault
    times[video.path] = found.times
    row = tables.VideoRow(name, video.path, found.size, found.frames, found.sha256, found.fps, video.group)
    row = replace(row, timing=found.timing, picture=found.picture, capture_fps=found.capture_fps)
    return replace(row, regions=video.regions), None


def _measured(
    path: Path, row: tables.VideoRow, video: FoundVideo, fault: Fault | None, videos_table: Path
) -> list[Fault]:
    """Return remarks on a video: unusable, or not the one that its labels were made for."""
    if fault:
        remedy = fault.remedy or "replace the file by one that plays, or convert it"
        again = f"{remedy}; then set use=yes in {videos_table} and type crisp scan"
        return [Fault(str(path), f"video is not used: {fault.what}", fault.expected, fault.found, again)]
    remarks = [Fault(str(path), row.remark)] if row.remark else []
    if video.sha256 not in ("", row.sha256):
        what = "video is not the file that was indexed, so its strokes may be elsewhere"
        expected, remedy = f"SHA-256 {video.sha256}", "index this file, or check its strokes"
        remarks.append(Fault(str(path), what, expected, row.sha256, remedy))
    return remarks


def _unlabelled(folder: Path, source: Path) -> Fault:
    return Fault(
        str(source),
        "no video is labelled, so there is no study file yet",
        "strokes in a table or a file of an annotation tool, or an XML beside each video",
        "videos alone",
        f"label them (docs/formats.md), then import again as {folder.name}",
    )


def _none_in_use(videos_table: Path) -> Fault:
    return Fault(
        str(videos_table), "no video is in use", "use=yes in a row", "use=no in all", "set use=yes for some"
    )


def _strokes(folder: Path, labels: list[tables.Annotation], report: Report) -> dict[str, list[Stroke]]:
    """Return the strokes of every annotation file by its path; none for an unreadable one."""
    found = {}
    for row in labels:
        try:
            found[row.path] = read_annotation(folder / row.path)
        except CrispError as error:
            report.warnings += error.faults
            found[row.path] = []
    return found


def _kept(study_file: Path, data: proposal.Data, preset: str, report: Report) -> None:
    """Report what an existing study keeps, and what it lacks."""
    report.kept.append(f"{study_file}, not overwritten; classes found: {', '.join(data.classes)}")
    if preset != presets.AUTO:
        report.warnings.append(
            Fault(
                str(study_file),
                f"preset {preset} is not applied: the existing study is kept",
                remedy=report.command(f"{data.folder.name}-{preset}", preset),
            )
        )
