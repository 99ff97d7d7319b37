"""The wire, without the wire: bytes in, meaning out; no I/O, no clock, no random."""
