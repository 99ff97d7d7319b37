"""What is no upload: ``other.py KIND NAME [ANSWER-FILE | URL FILE]``. Prints the seconds that one took, as JSON."""

from __future__ import annotations

import json
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

KEY = "sk-bench"
TIMES = 9


def time_import(name: str) -> float:
    """Import a package that nothing has imported yet."""
    began = time.perf_counter()
    if name == "ours":
        import zhongzhuan_audio  # noqa: F401
    else:
        import openai  # noqa: F401
    return time.perf_counter() - began


def transcribe(name: str, url: str, path: str) -> None:
    """Import, and transcribe one recording; the caller has the clock."""
    if name == "ours":
        from zhongzhuan_audio import Client

        with Client(url, KEY) as client:
            text = client.transcribe(path, prepare="never").text
    else:
        from openai import OpenAI

        with OpenAI(base_url=url, api_key=KEY) as client:
            text = client.audio.transcriptions.create(model="whisper-1", file=Path(path)).text
    assert text == "heard"


def decode(name: str, path: str) -> float:
    """Decode an answer several times; return the median."""
    from zhongzhuan_audio.protocol.answer import Answer
    from zhongzhuan_audio.protocol.response import decode_transcription

    body = Path(path).read_bytes()
    answer = Answer(status=200, headers={"content-type": "application/json"}, body=body)
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        if name == "ours":
            found = decode_transcription(answer, response_format="verbose_json", now=lambda: datetime.now(UTC))
            assert (len(found.segments), len(found.words)) == (5_000, 20_000)
            assert found.segments[-1].end == found.words[-1].end
        else:
            json.loads(body)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    """Do it."""
    kind, name, *rest = sys.argv[1:]
    if kind == "start":
        transcribe(name, *rest)
        return
    print(json.dumps({"seconds": time_import(name) if kind == "import" else decode(name, *rest)}))


if __name__ == "__main__":
    main()
