"""How sure the aim is, and what that makes of the dose."""
