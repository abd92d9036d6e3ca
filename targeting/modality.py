"""The kinds of plan (a coil, two pads, small electrodes), and the dI/dt at which a coil's doses are stated."""

TMS, PADS, HD = "tms", "tdcs", "hd-tdcs"
KINDS = (PADS, HD)  # of montages; the folders that their plans lie in
REFERENCE_DIDT_A_PER_S = 1e6  # 1 A/µs: every dose in a coil's plan is per this
