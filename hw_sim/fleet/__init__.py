"""Load on a real broker and server: sealed traffic of thousands of devices, at a chosen rate, from one process."""
