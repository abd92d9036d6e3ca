"""Records: frozen values that files hold, written, read and checked from one declaration."""
