# Of the labels themselves: from strokes.tsv, a label of a test video would train every model again.
rule training_samples:
    input:
        frames=INPUTS.training_frames,
        annotations=INPUTS.training_annotations,
    output:
        train=f"{RESULTS}/splits/{{split}}/train.tsv",
        validation=f"{RESULTS}/splits/{{split}}/validation.tsv",
    log:
        f"{LOGS}/training_samples/{{split}}.log",
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1000),
        disk_mb=10,
        runtime=runtime(20),
    params:
        study=SNAPSHOT,
        labels=LABELS,
        version=PARAMS.training_samples,
    shell:
        "crisp training-samples --study {params.study:q} --labels {params.labels:q} {wildcards.split}"
        " 2>&1 | tee {log:q}"
