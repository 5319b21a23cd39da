def flow_threads(wildcards):
    """Worker processes: one for a short video, as starting more costs more than they save."""
    return min(8, 1 + VIDEOS[wildcards.video].working_frames // 2000)


rule flow:
    input:
        f"{VOLUMES}/{{video}}/frames.h5",
    output:
        f"{VOLUMES}/{{video}}/flow/{{method}}.h5",
    log:
        f"{LOGS}/flow/{{video}}-{{method}}.log",
    benchmark:
        f"{TIMES}/flow/{{video}}-{{method}}.tsv"
    params:
        # Not the backend: changing it leaves finished flow alone.
        version=version("flow"),
    conda:
        "../../envs/crisp.yaml"
    threads: flow_threads
    resources:
        mem_mb=lambda wildcards, attempt, threads: attempt * (500 + 500 * threads),
        disk_mb=2000,
        runtime=minutes(0.5),
    shell:
        "crisp flow --study {SNAPSHOT:q} --method {wildcards.method} --workers {threads}"
        " {wildcards.video} 2>&1 | tee {log:q}"
