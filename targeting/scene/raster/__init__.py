"""Pictures without a graphics card: a camera, a z-buffer, shaded surfaces, lines and letters."""
