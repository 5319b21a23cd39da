"""Convert samples and volumes to tensors."""
