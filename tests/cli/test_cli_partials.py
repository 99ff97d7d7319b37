"""Partial transcripts: which errors have one, and under what names they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhongzhuan_audio.cli.partials import Partials, describe_gaps, paid_whole, partial_of, render_partial
from zhongzhuan_audio.errors import JournalError, UpstreamError
from zhongzhuan_audio.models import Segment, Transcription

WHOLE = Transcription(text="one", segments=(Segment(id=0, start=0.0, end=9.0, text="one"),))
GAPPED = Transcription(text="one", segments=WHOLE.segments, gaps=((10.0, 20.4), (3600.0, 3661.0)))


@pytest.mark.parametrize(
    ("error", "partial", "whole"),
    [
        (UpstreamError("no"), None, None),
        (UpstreamError("no", partial="half a text"), None, None),
        (UpstreamError("no", partial=GAPPED), GAPPED, None),
        (JournalError("full", partial=WHOLE), None, WHOLE),
        (JournalError("full", partial=GAPPED), GAPPED, None),
        (OSError("no"), None, None),
        (None, None, None),
    ],
)
def test_what_an_error_has(error, partial, whole):
    """What has gaps is no whole, whatever went wrong; what has none is all of it."""
    assert (partial_of(error), paid_whole(error)) == (partial, whole)


def test_gaps_are_told_by_the_clock():
    """To the second, as hours, minutes and seconds."""
    assert describe_gaps(GAPPED.gaps) == "0:00:10-0:00:20, 1:00:00-1:01:01"


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_a_gap_is_a_cue_in_its_place(form):
    """Between those of what was said; without times it is text."""
    text = render_partial(GAPPED, [form], {})[f".{form}"]
    assert text.index("one") < text.index("[partial transcript: nothing of this]")
    assert "00:00:10" in text
    untimed = Transcription(text="one", gaps=GAPPED.gaps)
    note = "[partial transcript: nothing of 0:00:10-0:00:20, 1:00:00-1:01:01]\none\n"
    assert render_partial(untimed, [form], {}) == {".txt": note}


def test_a_name_that_is_a_transcripts_is_not_taken(tmp_path: Path):
    """Be that there already or not."""
    place = tmp_path / "talk"
    partials = Partials([place, tmp_path / "talk.partial"])
    (tmp_path / "talk.partial-2.txt").write_text("of a recording of that name")
    text = render_partial(GAPPED, ["text"], {})[".txt"]
    assert partials.keep(place, ".txt", text) == tmp_path / "talk.partial-3.txt"
    assert partials.keep(place, ".txt", text) == tmp_path / "talk.partial-3.txt"
    (tmp_path / "talk.partial.txt").write_text(text)
    partials.remove(place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.partial-2.txt", "talk.partial.txt"]
