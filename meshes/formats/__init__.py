"""Readers and writers of heads, tissues and surfaces, one module for each kind of file."""
