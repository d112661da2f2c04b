"""Files, leases, signals, processes: everything that talks to the operating system."""
