"""Recordings taken apart and made anew: decoded, heard for speech, cut, compressed. Needs the extra ``[media]``."""
