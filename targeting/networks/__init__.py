"""A map over the cortex as the target of a montage."""
