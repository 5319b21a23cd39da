"""The commands of whole runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from crisp.cli.application import RUNS, app
from crisp.cli.options import HERE, AsJson, Cores, Options, Profile, StudyFile, print_json


@app.command(rich_help_panel=RUNS)
def doctor(
    gpu: Annotated[bool, typer.Option("--gpu", help="A missing GPU is a fault.")] = False,
    slurm: Annotated[bool, typer.Option("--slurm", help="A missing SLURM is a fault.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check this machine: packages, GPU, codecs, HDF5, SLURM, scratch space; with a remedy for each fault.

    Example: crisp doctor --slurm
    """
    from crisp.workflow.doctor import BROKEN, examine_machine

    findings = examine_machine(gpu, slurm)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        print("\n".join(map(str, findings)))
    if any(finding.state == BROKEN for finding in findings):
        raise typer.Exit(1)


@app.command(rich_help_panel=RUNS)
def plan(
    study: StudyFile = HERE,
    everything: Annotated[bool, typer.Option("--all", help="Include finished jobs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Estimate the cost of a study: jobs, core-hours, GPU-hours and disk.

    Example: crisp plan --study config/mine/study.yaml
    """
    from crisp.study.load import load_study
    from crisp.workflow.plan import plan_study, plan_text

    loaded = load_study(study)
    found = plan_study(loaded, everything)
    if as_json:
        print_json(asdict(found))
    else:
        print(plan_text(loaded, found))


@app.command(rich_help_panel=RUNS)
def run(
    options: Options = None,
    study: StudyFile = HERE,
    profile: Profile = "local",
    cores: Cores = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only print what would run.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print Snakemake's complete output.")] = False,
) -> None:
    """Run a study: everything that is not up to date, with one line per job.

    Example: crisp run --study config/mine/study.yaml --cores 4 -- --until roi
    """
    from crisp.study.load import load_study
    from crisp.workflow.run import become, check_free, command

    loaded = load_study(study)
    if not dry_run:
        check_free(loaded, study)
    flags = [*(["--dry-run"] if dry_run else []), *(["--verbose"] if verbose else [])]
    become(command(study, profile, cores, [*flags, *(options or [])]))


@app.command(rich_help_panel=RUNS)
def report(
    options: Options = None,
    study: StudyFile = HERE,
    profile: Profile = "local",
) -> None:
    """Make the report of a finished study as one HTML file.

    Example: crisp report --study config/mine/study.yaml
    """
    from crisp.study.load import load_study
    from crisp.workflow.run import call, check_begun, command

    loaded = load_study(study)
    check_begun(loaded, study)
    page = loaded.results / "report.html"
    code = call(command(study, profile, None, ["--report", str(page), *(options or [])]))
    if code == 0:
        print(f"report: {page}")
    raise typer.Exit(code)


@app.command(rich_help_panel=RUNS)
def recover(
    study: StudyFile = HERE,
    run: Annotated[bool, typer.Option(help="Resume the run afterwards.")] = True,
) -> None:
    """Cancel what a killed snakemake left, unlock the working directory and resume its run.

    Example: crisp recover --study config/mine/study.yaml
    """
    from crisp.study.load import load_study
    from crisp.workflow import recovery
    from crisp.workflow.run import become

    words = recovery.recover(load_study(study), study, run)
    if words is None:
        print("no interrupted run of this study is recorded; nothing to recover")
    elif words:
        become(words)
