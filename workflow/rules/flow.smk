rule flow:
    input:
        f"{VOLUMES}/{{video}}/frames.h5",
    output:
        f"{VOLUMES}/{{video}}/flow/{{method}}.h5",
    log:
        f"{LOGS}/flow/{{video}}-{{method}}.log",
    benchmark:
        f"{TIMES}/flow/{{video}}-{{method}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: flow_threads
    resources:
        mem_mb=lambda wildcards, attempt, threads: attempt * (500 + 500 * threads),
        disk_mb=2000,
        runtime=minutes(0.5),
        # A resource and no parameter: another backend leaves finished flow alone.
        backend=STUDY.flow_backend,
    params:
        version=version("flow"),
    shell:
        "crisp flow --method {wildcards.method} --backend {resources.backend} --workers {threads}"
        " {input:q} {output:q} 2>&1 | tee {log:q}"
