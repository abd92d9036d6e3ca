"""A module for each kind of file that heads, tissues and surfaces come from or go to."""
