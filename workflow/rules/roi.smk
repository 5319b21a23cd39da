rule roi:
    input:
        frames=f"{VOLUMES}/{{video}}/frames.h5",
        flow=f"{VOLUMES}/{{video}}/flow/{{method}}.h5",
    output:
        f"{VOLUMES}/{{video}}/roi/{{method}}.h5",
    log:
        f"{LOGS}/roi/{{video}}-{{method}}.log",
    benchmark:
        f"{TIMES}/roi/{{video}}-{{method}}.tsv"
    params:
        version=version("roi", STUDY.roi_alpha, STUDY.roi_threshold),
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=megabytes(1500),
        disk_mb=500,
        runtime=minutes(0.05),
    shell:
        "crisp roi --study {SNAPSHOT:q} --method {wildcards.method} {wildcards.video} 2>&1 | tee {log:q}"
