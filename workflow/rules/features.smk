# For variants with a frozen network alone. Its features are in the volumes, a file for each video (or region), so that
# one job loads the network once, and a job that was cut off goes on where it was.
rule features:
    input:
        INPUTS.features,
    output:
        f"{RESULTS}/features/{{variant}}.json",
    log:
        f"{LOGS}/features/{{variant}}.log",
    benchmark:
        f"{TIMES}/features/{{variant}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: STUDY.training.threads
    resources:
        gpu=1,
        mem_mb=RESOURCES.inference_memory("features"),
        disk_mb=1000,
        runtime=growing("runtime", RESOURCES.features_minutes),
    params:
        study=SNAPSHOT,
        labels=LABELS,
        version=PARAMS.features,
    shell:
        "crisp features --study {params.study:q} --labels {params.labels:q} {wildcards.variant}"
        " 2>&1 | tee {log:q}"
