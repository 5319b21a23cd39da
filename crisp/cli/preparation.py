"""The commands of video preparation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from crisp.cli.application import PREPARATION, app
from crisp.cli.options import HERE, Joined, Method, StudyFile, choice
from crisp.cli.options import region as parsed_region
from crisp.core.limits import MOST_FPS
from crisp.core.unicode_forms import existing
from crisp.core.views import WHOLE, Box


@app.command(rich_help_panel=PREPARATION)
def frames(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    out: Annotated[Path, typer.Argument(help="The frames stage file to write.")],
    width: Annotated[int, typer.Option(help="Working width, px.", max=4096)] = 320,
    upscale: Annotated[bool, typer.Option(help="Also enlarge narrower videos.")] = False,
    frame_step: Annotated[int, typer.Option(help="Keep every n-th frame.")] = 1,
    sha256: Annotated[str, typer.Option(help="Fail if the SHA-256 differs.")] = "",
    allow_changed: Annotated[
        bool,
        typer.Option(
            "--allow-changed", "--other-is-fine", help="Warn instead of failing if the SHA-256 differs."
        ),
    ] = False,
    fps: Annotated[
        float,
        typer.Option(
            help="Rate at which the video was recorded, for slow motion and raw streams; 0 = the file's.",
            min=0,
            max=MOST_FPS,
        ),
    ] = 0,
) -> None:
    """Decode a video into frames at working size.

    Example: crisp frames game.mp4 game/frames.h5
    """
    from crisp.preparation.frames import extract_frames

    video = existing(video)
    found = extract_frames(video, out, width, upscale, frame_step, "" if allow_changed else sha256, fps=fps)
    if sha256 not in ("", found.sha256):
        print(f"warning: {video}: SHA-256 is {found.sha256}, not {sha256}", file=sys.stderr)
    for warning in found.warnings():
        print(f"warning: {video}: {warning}", file=sys.stderr)


@app.command(rich_help_panel=PREPARATION)
def flow(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    out: Annotated[Path, typer.Argument(help="The flow stage file to write.")],
    parts: Annotated[
        list[Path] | None, typer.Argument(help="All parts in order: join them instead of computing.")
    ] = None,
    method: Method = "deepflow",
    backend: Annotated[
        str, typer.Option(**choice("backend"), help="Backend of deepflow: auto, opencv, cpu or gpu.")
    ] = "auto",
    workers: Annotated[int, typer.Option(help="Threads; the result does not depend on their number.")] = 1,
    part: Annotated[
        tuple[int, int], typer.Option(metavar="K N", help="Compute only the K-th of N parts.")
    ] = (1, 1),
    stabilise: Annotated[
        str,
        typer.Option(
            **choice("stabilise"), help="Take the camera's motion out: never, auto (if it moves), always."
        ),
    ] = "never",
) -> None:
    """Compute the optical flow of a video's frames, as a whole or in parts.

    Example: crisp flow game/frames.h5 game/flow/deepflow.h5 --workers 4
    """
    from crisp.preparation.flow import extract_flow, join_parts

    if parts:
        join_parts(frames_file, parts, out)
    else:
        extract_flow(frames_file, out, method, backend, workers, part, stabilise)


@app.command(rich_help_panel=PREPARATION)
def roi(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    flow_file: Annotated[Path, typer.Argument(metavar="FLOW", help="Its flow stage file.")],
    out: Annotated[Path, typer.Argument(help="The ROI stage file to write.")],
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Weight of the strongest motion.")] = 0.6,
    threshold: Annotated[
        float, typer.Option(min=0, help="Speed above which a pixel moves (320 px, 120 fps).")
    ] = 0.25,
    power: Annotated[float, typer.Option(min=0, help="Sharpness of the strongest motion.")] = 16,
    region: Annotated[
        Box | None,
        typer.Option(
            parser=parsed_region,
            metavar="BOX",
            help="Part of the picture: left,top,right,bottom in shares of it.",
        ),
    ] = None,
    volume: Joined = None,
) -> None:
    """Compute the foreground mask, the region of interest and the flow statistics of a video or player.

    Example: crisp roi game/frames.h5 game/flow/deepflow.h5 game/roi/deepflow.h5
    """
    from crisp.preparation.roi import extract_roi
    from crisp.preparation.volume import refresh_volume

    extract_roi(frames_file, flow_file, out, alpha, threshold, power, region or WHOLE)
    if volume:
        refresh_volume(volume)


@app.command(rich_help_panel=PREPARATION)
def pose(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    roi_file: Annotated[Path, typer.Argument(metavar="ROI", help="An ROI stage file of the same video.")],
    source: Annotated[Path, typer.Argument(help="The video's pose file, or folder with one per frame.")],
    out: Annotated[Path, typer.Argument(help="The pose stage file to write.")],
    width: Annotated[
        float,
        typer.Option(
            min=0, help="Width (px) of the poses' images; 0 = from the pose file, otherwise the video's."
        ),
    ] = 0,
    joint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OURS=THEIRS",
            help="Map a keypoint to its name in the file, e.g. 'left wrist=hand_l' (repeatable).",
        ),
    ] = None,
    volume: Joined = None,
) -> None:
    """Read the player's pose per frame from a file of COCO keypoints, DeepLabCut, SLEAP or similar.

    Example: crisp pose game/frames.h5 game/roi/deepflow.h5 game.json game/pose.h5
    """
    from crisp.preparation.pose import extract_pose
    from crisp.preparation.volume import refresh_volume

    names = dict(pair.partition("=")[::2] for pair in joint or [])
    extract_pose(frames_file, roi_file, source, out, width, names)
    if volume:
        refresh_volume(volume)


@app.command(rich_help_panel=PREPARATION)
def estimate(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    roi_file: Annotated[Path, typer.Argument(metavar="ROI", help="An ROI stage file of the same video.")],
    out: Annotated[Path, typer.Argument(help="The pose stage file to write.")],
    volume: Joined = None,
) -> None:
    """Estimate the player's pose per frame with MediaPipe; needs the extra `pose` (docs/poses.md).

    Example: crisp estimate game/frames.h5 game/roi/deepflow.h5 game/pose.h5
    """
    from crisp.preparation import pose_estimation
    from crisp.preparation.volume import refresh_volume

    pose_estimation.estimate_poses(frames_file, roi_file, out)
    if volume:
        refresh_volume(volume)


@app.command(rich_help_panel=PREPARATION)
def estimate_all(study: StudyFile = HERE) -> None:
    """Estimate the missing poses of all prepared videos of a study in one process.

    For thousands of short clips this is several times as fast as a process each. The workflow then keeps
    these poses.

    Example: crisp estimate-all --study demo
    """
    from crisp.preparation import pose_estimation
    from crisp.preparation.volume import refresh_volume
    from crisp.study.load import load_study

    loaded = load_study(study)
    for view, row in loaded.views.items():
        images = loaded.stage_file(view, "frames")
        places = loaded.stage_file(view, "roi", loaded.flow_methods[0])
        out = loaded.stage_file(view, "pose")
        if images.exists() and places.exists() and not out.exists():
            pose_estimation.estimate_poses(images, places, out)
            refresh_volume(loaded.volumes / row.video / f"{row.video}.h5")


@app.command(rich_help_panel=PREPARATION)
def volume(
    out: Annotated[Path, typer.Argument(help="The volume to write, beside the video's stage files.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            **choice("method"),
            help="Flow method(s); default: all prepared ones.",
        ),
    ] = None,
) -> None:
    """Link a video's stage files in one HDF5 file.

    Example: crisp volume game/game.h5 --method deepflow
    """
    from crisp.preparation.volume import join_volume, refresh_volume

    if method:
        join_volume(out, method)
    else:
        refresh_volume(out)


@app.command(rich_help_panel=PREPARATION)
def pack(
    volume_file: Annotated[Path, typer.Argument(metavar="VOLUME", help="A volume, <video>.h5.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
) -> None:
    """Copy a volume and its linked stage files into one self-contained HDF5 file.

    Example: crisp pack results/volumes/demo/player-01/player-01.h5 --out player-01.h5
    """
    from crisp.preparation.volume import pack_volume

    pack_volume(volume_file, out)


@app.command(rich_help_panel=PREPARATION)
def redo(
    video: Annotated[str, typer.Argument(help="Id of a video, as in videos.tsv.")],
    study: StudyFile = HERE,
    stage: Annotated[
        str, typer.Option("--from", **choice("from"), help="frames, flow, roi, pose, features or volume.")
    ] = "frames",
) -> None:
    """Delete a video's stage files from a stage on, so that the next run makes them again.

    Example: crisp redo --study demo --from roi player-01 && snakemake -j 8
    """
    from crisp.preparation import volume
    from crisp.study.load import load_study

    loaded = load_study(study)
    loaded.video(video)
    for path in volume.remove_from(loaded.volumes / video, video, stage):
        print(f"deleted {path}")
