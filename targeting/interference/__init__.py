"""Temporal interference: two pairs of electrodes and the envelope of their beat."""
