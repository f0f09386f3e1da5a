"""The network around a board: radios, sockets with faults, brokers, a wire tap."""
