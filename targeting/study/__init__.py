"""One subject at work: its head, registration, target, cortex and surfaces, as stages that both kinds of plan share."""
