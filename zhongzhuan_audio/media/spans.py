"""How likely speech is, window by window -> from when to when there is speech. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, TypeAlias, final

import attrs

__all__ = ["WINDOW_S", "Span", "SpanRules", "SpeechSpans"]

WINDOW_S: Final = 0.032
"""How long the window is that each probability is of."""

Span: TypeAlias = tuple[float, float]
"""From when to when, in seconds."""


@attrs.frozen(kw_only=True)
class SpanRules:
    """What counts as speech; the defaults are Silero's own, but for the rise.

    Source: snakers4/silero-vad, ``get_speech_timestamps``.
    """

    threshold: float = 0.5
    """From this probability on speech begins."""
    neg_threshold: float = 0.35
    """Speech that has begun goes on until the probability is below this."""
    min_speech_s: float = 0.25
    """Speech that is not longer is none."""
    min_silence_s: float = 0.1
    """Silence that is shorter does not end speech."""
    pad_s: float = 0.03
    """How much is added before and behind, half of the silence at most."""
    rise_threshold: float = 0.05
    """What reaches this right before speech is its soft beginning, if there is silence before that again."""
    max_rise_s: float = 1.0
    """The longest that such a beginning may be; 0 for none."""


@final
class SpeechSpans:
    """Takes probabilities as they come, and gives the spans at the end."""

    def __init__(self, rules: SpanRules | None = None) -> None:
        """Begin at the start of a recording; None for `rules` means the defaults."""
        self._rules = rules or SpanRules()
        self._windows = 0
        self._start_s: float | None = None
        self._silent_from_s: float | None = None
        self._begin_s = 0.0
        self._quiet_until_s = -math.inf
        self._found: list[Span] = []

    def add(self, probabilities: Iterable[float]) -> None:
        """Take the next windows."""
        rules = self._rules
        for probability in probabilities:
            now_s = self._windows * WINDOW_S
            self._windows += 1
            if probability < rules.rise_threshold:
                self._quiet_until_s = now_s + WINDOW_S
            if probability >= rules.threshold:
                self._silent_from_s = None
                if self._start_s is None:
                    self._start_s = now_s
                    self._begin_s = self._risen_from(now_s)
            elif self._start_s is not None and probability < rules.neg_threshold:
                if self._silent_from_s is None:
                    self._silent_from_s = now_s
                elif now_s - self._silent_from_s >= rules.min_silence_s:
                    self._end(self._silent_from_s)

    def finish(self, duration_s: float) -> tuple[Span, ...]:
        """Return the spans, in order, apart from each other and within the recording.

        Args:
            duration_s: The length of the recording, in seconds; windows may reach past it.
        """
        if self._start_s is not None:
            self._end(duration_s if self._silent_from_s is None else min(self._silent_from_s, duration_s))
        return tuple(
            (
                max(start_s - self._rules.pad_s, 0.0 if index == 0 else _middle(self._found[index - 1][1], start_s)),
                min(
                    end_s + self._rules.pad_s,
                    _middle(end_s, self._found[index + 1][0]) if index + 1 < len(self._found) else duration_s,
                ),
            )
            for index, (start_s, end_s) in enumerate(self._found)
        )

    def _end(self, end_s: float) -> None:
        assert self._start_s is not None
        if end_s - self._start_s > self._rules.min_speech_s:
            self._found.append((self._begin_s, end_s))
        self._start_s = self._silent_from_s = None

    def _risen_from(self, start_s: float) -> float:
        """Return from when on it rose to speech that begins here."""
        earliest_s = max(start_s - self._rules.max_rise_s, self._found[-1][1] if self._found else 0.0)
        return self._quiet_until_s if earliest_s <= self._quiet_until_s else start_s


def _middle(one: float, other: float) -> float:
    return (one + other) / 2
