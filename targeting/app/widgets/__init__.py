"""What is Qt in the window of ``target app``."""
