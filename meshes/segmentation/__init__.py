"""From an MRI or its labels to the smooth fields the mesher follows: checks, SAMSEG, closed layers."""
