"""The front door: what people touch."""
