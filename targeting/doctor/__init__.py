"""What `target doctor` looks at: the installation, the machine, and the physics."""
