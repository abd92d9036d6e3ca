"""A window for people who use no terminal: a head, a target and its side, a plan, and what to do with it."""
