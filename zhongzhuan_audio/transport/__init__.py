"""Requests on the wire: one exchange at a time, and what surrounds it."""
