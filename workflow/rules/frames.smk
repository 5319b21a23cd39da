def raw_video(wildcards):
    """The raw video; where it is generated the demo rule makes it."""
    path = STUDY.source(wildcards.video)
    return ancient(str(path)) if STUDY.generate else present([path])


def frames_version(wildcards):
    row = VIDEOS[wildcards.video]
    # Content decides, not the file's date or place.
    return version(
        "frames", row.sha256, row.frame_step, STUDY.width, STUDY.upscale
    )


rule frames:
    input:
        raw_video,
    output:
        f"{VOLUMES}/{{video}}/frames.h5",
    log:
        f"{LOGS}/frames/{{video}}.log",
    benchmark:
        f"{TIMES}/frames/{{video}}.tsv"
    params:
        version=frames_version,
    conda:
        "../../envs/crisp.yaml"
    retries: 0
    resources:
        mem_mb=megabytes(1500),
        disk_mb=1000,
        runtime=minutes(0.05),
    shell:
        "crisp frames --study {SNAPSHOT:q} {wildcards.video} 2>&1 | tee {log:q}"
