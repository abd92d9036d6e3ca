"""What pages, windows and terminals say: numbers, directions and facts in words."""
