"""What can be planned (a coil, two pads, small electrodes), and the rate of change that a coil's doses are stated at."""

TMS, PADS, HD = "tms", "tdcs", "hd-tdcs"
KINDS = (PADS, HD)  # of montages; the folders that their plans lie in
REFERENCE_DIDT_A_PER_S = 1e6  # 1 A/µs: every dose in a coil's plan is per this
