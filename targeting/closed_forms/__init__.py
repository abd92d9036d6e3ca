"""Fields known in closed form: the truth that solvers are held against."""
