"""The cortex by its folds: one hemisphere's tissues become closed surfaces, unfolded to a sphere that lies on the group's."""
