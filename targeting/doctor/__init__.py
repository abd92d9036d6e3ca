"""Checks of ``target doctor``: the installation, the machine, and the physics."""
