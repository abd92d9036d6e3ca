"""How far a run is: its steps, the time it will still take, who is told, and the log it leaves."""
