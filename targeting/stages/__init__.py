"""The steps of a plan, each kept in the subject's folder beside the hash of all it was made from."""
