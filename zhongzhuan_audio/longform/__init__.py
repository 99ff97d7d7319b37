"""Recordings longer than a relay takes: cut into pieces, and their transcripts put together again."""
