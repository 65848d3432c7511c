"""The HTTP API: what `waypost serve` answers with. Handlers call the functions that the command line calls."""
