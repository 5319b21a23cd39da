def volume_inputs(wildcards):
    video = wildcards.video
    return [
        stage_file(video, "frames"),
        *(stage_file(video, "flow", method) for method in STUDY.flow_methods),
        *(stage_file(video, "roi", method) for method in STUDY.flow_methods),
    ]


# A leaf for people and other tools: nothing depends on it.
rule volume:
    input:
        volume_inputs,
    output:
        f"{VOLUMES}/{{video}}/{{video}}.h5",
    log:
        f"{LOGS}/volume/{{video}}.log",
    params:
        version=version("volume"),
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=500,
        disk_mb=10,
        runtime=5,
    shell:
        "crisp volume --study {SNAPSHOT:q} {wildcards.video} 2>&1 | tee {log:q}"
