# One job a video, or for a long video (preparation.scatter_seconds) one for each part and one that joins them.
rule flow:
    input:
        frames=f"{VOLUMES}/{{video}}/frames.h5",
        parts=INPUTS.flow_parts,
    output:
        f"{VOLUMES}/{{video}}/flow/{{method}}.h5",
    log:
        f"{LOGS}/flow/{{video}}-{{method}}.log",
    benchmark:
        f"{TIMES}/flow/{{video}}-{{method}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: RESOURCES.flow_threads
    resources:
        gpu=RESOURCES.flow_gpus,
        mem_mb=growing("mem_mb", RESOURCES.flow_megabytes),
        disk_mb=2000,
        runtime=growing("runtime", RESOURCES.flow_minutes),
        # A resource and no parameter: another backend leaves finished flow alone.
        backend=STUDY.flow_backend,
        stabilise=STUDY.stabilise,
    params:
        version=PARAMS.flow,
    shell:
        "crisp flow --method {wildcards.method} --backend {resources.backend} --workers {threads}"
        " --stabilise {resources.stabilise}"
        " {input.frames:q} {output:q} {input.parts:q} 2>&1 | tee {log:q}"


rule flow_part:
    input:
        frames=f"{VOLUMES}/{{video}}/frames.h5",
    output:
        temp(f"{VOLUMES}/{{video}}/flow/{{method}}.part-{{part}}-of-{{parts}}.h5"),
    log:
        f"{LOGS}/flow/{{video}}-{{method}}-{{part}}-of-{{parts}}.log",
    benchmark:
        f"{TIMES}/flow/{{video}}-{{method}}-{{part}}-of-{{parts}}.tsv"
    conda:
        "../../envs/crisp.yaml"
    threads: RESOURCES.flow_threads
    resources:
        gpu=RESOURCES.flow_gpus,
        mem_mb=growing("mem_mb", RESOURCES.flow_megabytes),
        disk_mb=2000,
        runtime=growing("runtime", RESOURCES.flow_minutes),
        backend=STUDY.flow_backend,
        stabilise=STUDY.stabilise,
    params:
        version=PARAMS.flow,
    shell:
        "crisp flow --method {wildcards.method} --backend {resources.backend} --workers {threads}"
        " --stabilise {resources.stabilise}"
        " --part {wildcards.part} {wildcards.parts} {input.frames:q} {output:q} 2>&1 | tee {log:q}"
