"""Where the charge goes: a ledger of parts and states, from the currents of data sheets."""
