"""Where two transcripts of one stretch of a recording meet, so that nothing of it is there twice. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import SequenceMatcher

from zhongzhuan_audio.longform.tokens import Token, Track
from zhongzhuan_audio.models import Span

__all__ = ["trim_overlap"]

_WORDS_DIFFER_S = 1.0
_MOST_TOKENS = 400
_LEAST_ALIKE = 3
_BETTER_IN_A_ROW = 4
# How much less two equal tokens count that are as far apart as they may be. Times of words tell the same word said
# twice apart; times that are a share of a segment's only decide where all else is equal.
_TIME_COUNTS = 1.0
_TIME_DECIDES = 0.001


def trim_overlap(before: Track, after: Track, overlap: Span, share_before: float, share_after: float) -> None:
    """Give each token of a stretch that two tracks have to one of them.

    They meet at a token that both have: what comes before it is the earlier one's, and what comes after it the later
    one's. Where they have none in common, they meet as near to the middle of the stretch as both have something, and
    segments without words go to either as wholes. All stays where one ends before the other begins, and where there is
    nothing in common and no time.

    Args:
        before: The earlier one; loses its end.
        after: The later one; loses its beginning.
        overlap: The stretch, in seconds of the recording.
        share_before: How much of the earlier piece the stretch is, 0 to 1.
        share_after: How much of the later one.
    """
    if before.is_timed and after.is_timed:
        _trim_timed(before, after, overlap)
    else:
        _trim_untimed(before, after, share_before, share_after)


def _trim_timed(before: Track, after: Track, overlap: Span) -> None:
    exact = before.is_exact and after.is_exact
    differ_s = _WORDS_DIFFER_S if exact else overlap[1] - overlap[0] + 2 * _WORDS_DIFFER_S
    begin = next(
        (at for at in range(before.first, before.stop) if before.tokens[at].end_s > overlap[0] - differ_s), before.stop
    )
    begin = max(begin, before.stop - _MOST_TOKENS)
    end = next(
        (at for at, token in enumerate(after.tokens) if token.start_s >= overlap[1] + differ_s), len(after.tokens)
    )
    left, right = before.tokens[begin : before.stop], after.tokens[: min(end, _MOST_TOKENS)]
    pairs = _common(left, right, differ_s, _TIME_COUNTS if exact else _TIME_DECIDES)
    middle = (overlap[0] + overlap[1]) / 2

    def merit(pair: tuple[int, int, int]) -> tuple[int, float]:
        one, other, in_a_row = pair
        far = abs(left[one].middle_s + right[other].middle_s - 2 * middle)
        return min(in_a_row, 2 if exact else _BETTER_IN_A_ROW), -far

    found = [pair for pair in pairs if exact or pair[2] > 1]
    if found:
        one, other, _ = max(found, key=merit)
        before.stop, after.first = begin + one + 1, other + 1
    elif left and right:
        meeting = max(right[0].start_s, min(middle, left[-1].end_s))
        if exact:
            before.stop = begin + _first_after(left, meeting)
            after.first = _first_after(right, meeting)
        else:
            _trim_segments(before, after, meeting)


def _common(
    left: Sequence[Token], right: Sequence[Token], differ_s: float, weight: float
) -> list[tuple[int, int, int]]:
    """Return what two rows of tokens have in common, in order, said at about the same time: the most there is.

    Returns:
        Index in either, and how many such pairs stand in a row there.
    """
    # How much the rest has in common, from each pair of places on.
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    worth = [
        [_worth(one, other, differ_s, weight) if one.norm == other.norm else 0.0 for other in right] for one in left
    ]
    for i in range(len(left) - 1, -1, -1):
        for j in range(len(right) - 1, -1, -1):
            taken = best[i + 1][j + 1] + worth[i][j] if worth[i][j] else 0.0
            best[i][j] = max(taken, best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if worth[i][j] and best[i][j] == best[i + 1][j + 1] + worth[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return [(i, j, _row_length(pairs, at)) for at, (i, j) in enumerate(pairs)]


def _worth(one: Token, other: Token, differ_s: float, weight: float) -> float:
    apart = abs(one.middle_s - other.middle_s)
    return 1.0 - weight * apart / differ_s if apart < differ_s else 0.0


def _row_length(pairs: Sequence[tuple[int, int]], at: int) -> int:
    """Return how many pairs around one follow each other in both rows."""
    first = last = at
    while first > 0 and pairs[first - 1] == (pairs[first][0] - 1, pairs[first][1] - 1):
        first -= 1
    while last + 1 < len(pairs) and pairs[last + 1] == (pairs[last][0] + 1, pairs[last][1] + 1):
        last += 1
    return last + 1 - first


def _first_after(tokens: Sequence[Token], time: float) -> int:
    return next((at for at, token in enumerate(tokens) if token.middle_s >= time), len(tokens))


def _trim_segments(before: Track, after: Track, meeting: float) -> None:
    """Leave out whole segments that are more on the other one's side of where they meet."""
    while before.stop > before.first:
        index = before.tokens[before.stop - 1].segment
        if _middle(before, index) < meeting:
            break
        while before.stop > before.first and before.tokens[before.stop - 1].segment == index:
            before.stop -= 1
    while after.first < after.stop:
        index = after.tokens[after.first].segment
        if _middle(after, index) >= meeting:
            break
        while after.first < after.stop and after.tokens[after.first].segment == index:
            after.first += 1


def _middle(track: Track, index: int) -> float:
    segment = track.transcription.segments[index]
    return (segment.start + segment.end) / 2


def _trim_untimed(before: Track, after: Track, share_before: float, share_after: float) -> None:
    """Let two texts meet at the longest passage that the end of one and the beginning of the other have in common."""
    begin = max(before.first, before.stop - _as_many(len(before.tokens), share_before))
    end = min(after.stop, _as_many(len(after.tokens), share_after))
    left = [token.norm for token in before.tokens[begin : before.stop]]
    right = [token.norm for token in after.tokens[:end]]
    match = SequenceMatcher(None, left, right, autojunk=False).find_longest_match()
    if match.size >= _LEAST_ALIKE:
        before.stop, after.first = begin + match.a + match.size, match.b + match.size


def _as_many(count: int, share: float) -> int:
    """Return how many tokens a share of a piece may have: speech is not even, so twice as many and a few."""
    return min(_MOST_TOKENS, math.ceil(2 * share * count) + 5)
