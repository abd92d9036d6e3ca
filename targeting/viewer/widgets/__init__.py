"""The Qt part of the viewer: thin widgets over the modules beside this package, which know nothing of windows."""
