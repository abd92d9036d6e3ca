"""What placement errors make of a dose."""
