# Many new videos, a job each: `crisp index` on the nodes of a cluster, or several at once on a machine.
#   snakemake -s workflow/index.smk --profile slurm --config videos=/videos model=model.pt out=found
# Several players, each in a box of every picture: regions='left=0,0,0.5,1; right=0.5,0,1,1' besides.
import re
from collections import Counter
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from crisp.workflow.onerror import failure_report
from crisp.core import names
from crisp.study.importers import discovery, video_ids
from crisp.core.versions import INDEX
from crisp.core.views import parse_regions

WANTED = {
    "videos": "a folder of videos",
    "model": "a trained model",
    "out": "a folder to write to",
}
for key, meaning in WANTED.items():
    if key not in config:
        raise WorkflowError(f"{key} is missing: add {key}=... to --config, {meaning}")
FOLDER, MODEL, OUT = (str(config[key]) for key in WANTED)
for key, path in (("model", MODEL), ("out", OUT)):
    if not names.plain(path):
        raise WorkflowError(
            f"{path}: Snakemake takes {{...}} and <...> in a path for its own;"
            f" give {key} another name, or a link to it: ln -s"
        )
if not Path(FOLDER).is_dir():
    raise WorkflowError(f"{FOLDER}: folder of videos is missing")
try:
    BOXES = parse_regions(str(config.get("regions", "")))
except ValueError as error:
    expected, found, remedy = error.args
    raise WorkflowError(f"regions: expected {expected}, found {found}; {remedy}")
REGIONS = [f"--region={name}={box}" for name, box in BOXES.items()]

PATHS = list(discovery.video_files(Path(FOLDER)))
VIDEOS = {video_ids.plain(path.name): path.as_posix() for path in PATHS}
TWICE = [name for name, number in Counter(map(str.lower, VIDEOS)).items() if number > 1]
if TWICE or len(VIDEOS) < len(PATHS):
    raise WorkflowError(f"{FOLDER}: two videos have the same name but for their ending or signs")


def out_and_video(wildcards, output):
    """The folder of the results, the video where Snakemake would take its name for a pattern, and regions."""
    path = VIDEOS[wildcards.video]
    return [Path(output[0]).parents[1], *([] if names.plain(path) else [path]), *REGIONS]


wildcard_constraints:
    video="|".join(map(re.escape, VIDEOS)) or "none",


container: "crisp.sif"


rule all:
    input:
        expand(f"{OUT}/{{video}}/.done", video=VIDEOS),


rule index:
    input:
        video=lambda wildcards: [
            ancient(path) for path in (VIDEOS[wildcards.video],) if names.plain(path)
        ],
        model=MODEL,
    output:
        # Not index.json: Snakemake deletes an output before it runs the job again, and `crisp index`
        # knows a folder of its own by that file.
        touch(f"{OUT}/{{video}}/.done"),
    log:
        f"{OUT}/.logs/{{video}}.log",
    conda:
        "../envs/crisp.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        disk_mb=1000,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        out=out_and_video,
        # Not by its date alone: a copied video may be older than the one it replaces.
        version=lambda wildcards: [
            INDEX,
            Path(VIDEOS[wildcards.video]).stat().st_size,
            *REGIONS,
        ],
    shell:
        "crisp index {input.video:q} --model {input.model:q} --out {params.out:q} --workers {threads}"
        " 2>&1 | tee {log:q}"


onerror:
    # By the logger: after all that it has to print before, and into its file.
    logger.error(failure_report(workflow.scheduler.failed, OUT))
