"""Heads and fields known in closed form: the reference that solvers are tested against."""
