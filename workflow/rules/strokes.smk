def annotation_files(wildcards):
    """The XML files, by existence only: what they say counts, as a digest."""
    return present(dict.fromkeys(map(STUDY.annotation_file, STUDY.annotations)))


def strokes_version(wildcards):
    return version(
        "strokes",
        strokes.labels_digest(STUDY),
        STUDY.negative_class,
        STUDY.negative_share,
        STUDY.negative_seconds,
        STUDY.split_seed,
    )


def split_version(wildcards):
    return version("split", splits.split_digest(STUDY))


rule strokes:
    input:
        frames=stage_files("frames"),
        annotations=annotation_files,
    output:
        f"{RESULTS}/strokes.tsv",
    log:
        f"{LOGS}/strokes.log",
    params:
        version=strokes_version,
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=megabytes(1000),
        disk_mb=10,
        runtime=20,
    shell:
        "crisp strokes --study {SNAPSHOT:q} 2>&1 | tee {log:q}"


rule split:
    input:
        f"{RESULTS}/strokes.tsv",
    output:
        f"{RESULTS}/splits/{{split}}.tsv",
    log:
        f"{LOGS}/split/{{split}}.log",
    params:
        version=split_version,
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=megabytes(1000),
        disk_mb=10,
        runtime=10,
    shell:
        "crisp split --study {SNAPSHOT:q} {wildcards.split} 2>&1 | tee {log:q}"


rule normalisation:
    input:
        strokes=f"{RESULTS}/strokes.tsv",
        split=f"{RESULTS}/splits/{{split}}.tsv",
        roi=lambda wildcards: stage_files("roi", wildcards.method),
    output:
        f"{RESULTS}/normalisation/{{split}}-{{method}}-{{kind}}.json",
    log:
        f"{LOGS}/normalisation/{{split}}-{{method}}-{{kind}}.log",
    params:
        version=version("normalisation"),
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=megabytes(1000),
        disk_mb=10,
        runtime=20,
    shell:
        "crisp normalise --study {SNAPSHOT:q} --method {wildcards.method} --kind {wildcards.kind}"
        " {wildcards.split} 2>&1 | tee {log:q}"
