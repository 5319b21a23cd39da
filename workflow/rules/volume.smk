# A leaf for people and other tools: nothing depends on it. The ROI jobs write it along with theirs, as a
# job a video more would cost far more than its work; this rule makes one that was deleted.
rule volume:
    input:
        INPUTS.volume,
    output:
        f"{VOLUMES}/{{video}}/{{video}}.h5",
    log:
        f"{LOGS}/volume/{{video}}.log",
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=runtime(5),
    params:
        version=version("volume"),
    shell:
        "crisp volume {output:q} 2>&1 | tee {log:q}"
