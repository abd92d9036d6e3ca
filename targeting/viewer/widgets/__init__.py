"""What of the viewer is Qt: thin widgets over the modules beside this package, which know nothing of windows."""
