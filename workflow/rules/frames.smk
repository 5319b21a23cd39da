rule frames:
    input:
        raw_video,
    output:
        f"{VOLUMES}/{{video}}/frames.h5",
    log:
        f"{LOGS}/frames/{{video}}.log",
    benchmark:
        f"{TIMES}/frames/{{video}}.tsv"
    retries: 0
    conda:
        "../../envs/crisp.yaml"
    resources:
        mem_mb=memory(1500),
        disk_mb=1000,
        runtime=runtime(10, 0.05),
    params:
        version=version("frames"),
        # Content decides, not the file's date. Another kind of machine may encode a
        # generated video differently, so there another hash is no error.
        sha256=lambda wildcards: VIDEOS[wildcards.video].sha256,
        replaced=replaced,
        other="--other-is-fine" if STUDY.generate else past_snakemake,
        frame_step=lambda wildcards: VIDEOS[wildcards.video].frame_step,
        width=STUDY.width,
        upscale="--upscale" if STUDY.upscale else "",
    shell:
        "crisp frames --width {params.width} {params.upscale} --frame-step {params.frame_step}"
        " --sha256 {params.sha256:q} {params.other} {input:q} {output:q} 2>&1 | tee {log:q}"
