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
        version=PARAMS.split,
    shell:
        "crisp split --study {params.study:q} {wildcards.split} 2>&1 | tee {log:q}"
