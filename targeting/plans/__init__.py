"""What a plan says: the frozen records that ``plan.json`` holds, checked as they are written and read."""
