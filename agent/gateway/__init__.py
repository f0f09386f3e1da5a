"""The gateway: envelopes from serial lines to a broker and back, by somebody who can read none of them.

`frames`, `contact`, `spool` and `forward` are the core, which `hub.Hub` puts together: no port, no socket, no clock of its
own. It holds no key and knows no cryptography beyond digests. docs/serial-link.md says what passes the wire, decision 0040
why it is built so.
"""
