def variant_inputs(wildcards):
    """Labels, and the stage files of exactly the streams a variant takes."""
    variant = STUDY.variant(wildcards.variant)
    paths = [f"{RESULTS}/strokes.tsv", f"{RESULTS}/splits/{wildcards.split}.tsv"]
    paths += stage_files("roi", variant.flow)
    if "rgb" in variant.streams:
        paths += stage_files("frames")
    if "flow" in variant.streams:
        paths += stage_files("flow", variant.flow)
        paths.append(
            f"{RESULTS}/normalisation/{wildcards.split}-{variant.flow}-{variant.norm_method}.json"
        )
    return paths


def train_version(wildcards):
    training = dict(STUDY.config["training"])
    del training["workers"]  # loads the same clips, whatever their number
    return version(
        "train", vars(STUDY.variant(wildcards.variant)), training, STUDY.classes
    )


rule train:
    input:
        variant_inputs,
    output:
        model=f"{MODELS}/model.pt",
        history=f"{MODELS}/history.csv",
        curves=report(
            f"{MODELS}/curves.png",
            caption="../report/curves.rst",
            category="Training",
            subcategory="{variant}",
            labels={"variant": "{variant}", "seed": "{seed}", "figure": "curves"},
        ),
    log:
        f"{LOGS}/train/{{variant}}-{{split}}-{{seed}}.log",
    benchmark:
        f"{TIMES}/train/{{variant}}-{{split}}-{{seed}}.tsv"
    params:
        version=train_version,
        # Undeclared: Snakemake would delete it with a failed job, and it is what a retry resumes from.
        state=f"{RESULTS}/state/{{variant}}-{{split}}-{{seed}}",
    conda:
        "../../envs/crisp.yaml"
    threads: STUDY.training.threads + STUDY.training.workers
    resources:
        gpu=1,
        mem_mb=megabytes(8000),
        disk_mb=4000,
        runtime=lambda wildcards, attempt: attempt * 720,
    shell:
        "crisp train --study {SNAPSHOT:q} --split {wildcards.split} --seed {wildcards.seed}"
        " --state {params.state:q} {wildcards.variant} 2>&1 | tee {log:q}"
