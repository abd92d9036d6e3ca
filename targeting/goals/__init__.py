"""What a placement is searched for beside the dose at its target: regions to spare, further targets."""
