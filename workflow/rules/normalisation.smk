rule normalisation:
    input:
        train=f"{RESULTS}/splits/{{split}}/train.tsv",
        roi=INPUTS.training_roi,
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
