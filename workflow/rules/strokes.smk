rule strokes:
    input:
        frames=stage_files("frames"),
        annotations=lambda wildcards: annotation_files(VIDEOS),
    output:
        f"{RESULTS}/strokes.tsv",
    log:
        f"{LOGS}/strokes.log",
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1000),
        disk_mb=10,
        runtime=runtime(20),
    params:
        study=SNAPSHOT,
        labels=LABELS,
        version=strokes_version,
    shell:
        "crisp strokes --study {params.study:q} --labels {params.labels:q} 2>&1 | tee {log:q}"


rule split:
    input:
        f"{RESULTS}/strokes.tsv",
    output:
        f"{RESULTS}/splits/{{split}}.tsv",
    log:
        f"{LOGS}/split/{{split}}.log",
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1000),
        disk_mb=10,
        runtime=runtime(10),
    params:
        study=SNAPSHOT,
        version=lambda wildcards: version("split", splits.split_digest(STUDY)),
    shell:
        "crisp split --study {params.study:q} {wildcards.split} 2>&1 | tee {log:q}"


rule normalisation:
    input:
        train=f"{RESULTS}/splits/{{split}}/train.tsv",
        # Of those that validate, too: a training has no other edge to them.
        roi=lambda wildcards: stage_files("roi", wildcards.method, training_videos(wildcards.split)),
    output:
        f"{RESULTS}/normalisation/{{split}}-{{method}}-{{kind}}.json",
    log:
        f"{LOGS}/normalisation/{{split}}-{{method}}-{{kind}}.log",
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1000),
        disk_mb=10,
        runtime=runtime(20),
    params:
        study=SNAPSHOT,
        version=version("normalisation"),
    shell:
        "crisp normalise --study {params.study:q} --method {wildcards.method} --kind {wildcards.kind}"
        " {wildcards.split} 2>&1 | tee {log:q}"
