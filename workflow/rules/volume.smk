# A leaf for people and other tools: nothing depends on it.
rule volume:
    input:
        volume_inputs,
    output:
        f"{VOLUMES}/{{video}}/{{video}}.h5",
    log:
        f"{LOGS}/volume/{{video}}.log",
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=5,
    params:
        version=version("volume"),
        methods=[f"--method {method}" for method in STUDY.flow_methods],
    shell:
        "crisp volume {params.methods} {output:q} 2>&1 | tee {log:q}"
