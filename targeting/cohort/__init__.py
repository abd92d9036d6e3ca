"""Many people at once: a BIDS dataset goes in, a plan for each and one table and page for all come out."""
