"""How much one worker can do, measured against simulated hosts: `make bench`."""
