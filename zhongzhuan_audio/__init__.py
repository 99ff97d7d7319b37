"""Async-first client for the audio endpoints of OpenAI-compatible relays (中转站)."""
