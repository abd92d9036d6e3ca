"""Heads that ship with the project, where they come from, and the scripts that make them again."""
