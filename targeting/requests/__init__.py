"""What a user asks, in their words: checked as a whole before anything is made."""
