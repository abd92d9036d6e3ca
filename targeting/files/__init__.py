"""The files people and other programs open: a plan out of what the stages made, written all together."""
