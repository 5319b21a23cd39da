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
