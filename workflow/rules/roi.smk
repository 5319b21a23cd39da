rule roi:
    input:
        frames=f"{VOLUMES}/{{video}}/frames.h5",
        flow=f"{VOLUMES}/{{video}}/flow/{{method}}.h5",
    output:
        f"{VOLUMES}/{{video}}/roi/{{method}}{{region}}.h5",
    log:
        f"{LOGS}/roi/{{video}}{{region}}-{{method}}.log",
    benchmark:
        f"{TIMES}/roi/{{video}}{{region}}-{{method}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1500),
        disk_mb=500,
        runtime=runtime(10, 0.05),
    params:
        version=version("roi"),
        alpha=STUDY.roi_alpha,
        threshold=STUDY.roi_threshold,
        power=STUDY.roi_power,
        region=PARAMS.region,
    shell:
        "crisp roi --alpha {params.alpha} --threshold {params.threshold} --power {params.power} {params.region}"
        f" --volume {VOLUMES}/{{wildcards.video}}/{{wildcards.video}}.h5"
        " {input.frames:q} {input.flow:q} {output:q} 2>&1 | tee {log:q}"
