"""What the field is in each area of the cortex, and which areas the target lies in."""
