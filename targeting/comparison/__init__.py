"""Other coils beside the planned one: what each gives the same target, and whether it can reach it."""
