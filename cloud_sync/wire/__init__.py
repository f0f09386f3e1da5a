"""Wire format 1 on the server's side: docs/wire-format.md, replayed from tests/conformance/vectors.

codec     the strict MessagePack subset            envelope  uplink envelopes: parse, open, seal
ladder    keys                                     downlink  verdicts, directive, time, healing: build, seal, open
columns, cells, batch, readings, aggregates, light  status, directive
"""
