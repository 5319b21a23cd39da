"""What Snakemake and SLURM need."""
