rule strokes:
    input:
        frames=INPUTS.stage_files("frames", "", STUDY.used),
        annotations=lambda wildcards: INPUTS.annotation_files(),
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
        version=PARAMS.strokes,
    shell:
        "crisp strokes --study {params.study:q} --labels {params.labels:q} 2>&1 | tee {log:q}"
