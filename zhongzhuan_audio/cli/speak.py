"""``zhongzhuan-audio speak``."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, get_args

import attrs
from cyclopts import CycloptsError, Parameter

from zhongzhuan_audio.cli.asking import Local, RelayOptions, ask, end_in_order, print_whole
from zhongzhuan_audio.cli.exit_codes import FAILED, OK
from zhongzhuan_audio.cli.named import STDIN
from zhongzhuan_audio.cli.render import complain
from zhongzhuan_audio.errors import ConfigurationError, MissingExtraError, ZhongzhuanError

if TYPE_CHECKING:
    from zhongzhuan_audio.client import AsyncClient
    from zhongzhuan_audio.speech import AsyncSpeech

__all__ = ["speak"]

SpeechFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

_STDOUT = "-"
_PIECE_BYTES = 65536
_SUFFIXES: dict[str, SpeechFormat] = {**{f".{name}": name for name in get_args(SpeechFormat)}, ".ogg": "opus"}


def _check_name(_: object, name: str | None) -> None:
    # cyclopts hands on whatever begins with a hyphen, since a lone one is wanted.
    if name is not None and name.startswith("-") and name not in {STDIN, _STDOUT}:
        raise CycloptsError(msg=f"{name} is an option, and no file's name; ./{name} would be one.")


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class SpeakOptions:
    """What may stand on the command line beside the text."""

    output: Annotated[
        str,
        Parameter(
            name=("--output", "-o"),
            metavar="OUT",
            help="Write there; - is stdout.",
            allow_leading_hyphen=True,
            validator=_check_name,
        ),
    ]
    file: Annotated[
        str | None,
        Parameter(
            name=("--file", "-f"),
            metavar="FILE",
            help="Read the text there; - is stdin.",
            allow_leading_hyphen=True,
            validator=_check_name,
        ),
    ] = None
    model: Annotated[str, Parameter(metavar="NAME", help="The model to ask.")] = "tts-1"
    voice: Annotated[str, Parameter(metavar="NAME", help="One of the model's voices.")] = "alloy"
    speed: Annotated[float | None, Parameter(metavar="NUMBER", help="0.25 to 4.")] = None
    instructions: Annotated[str | None, Parameter(metavar="TEXT", help="How to speak (gpt-4o-mini-tts).")] = None
    format: Annotated[
        SpeechFormat | None,
        Parameter(help="mp3, opus, aac, flac, wav, pcm; else as OUT ends.", show_choices=False),
    ] = None
    local: Local = False


@attrs.frozen(kw_only=True)
class _Spoken:
    """What came of it."""

    sound: bytes
    """Where it goes to stdout; a file is written as it comes."""
    size_bytes: int
    billed_more: bool
    """Whether an attempt before may have been billed too."""


_RELAY = RelayOptions()


def speak(
    text: Annotated[str | None, Parameter(name="TEXT", help="What to say.")] = None,
    /,
    *,
    options: SpeakOptions,
    relay: RelayOptions = _RELAY,
) -> int:
    """Have a text spoken, and write the sound.

    OUT is whole or not there. A text of up to 4,096 characters is spoken at once.
    """
    _check_output(options.output)
    if options.local and find_spec("piper") is None:
        raise MissingExtraError("the embedded relay's voice is not installed", extra="voice")
    return end_in_order(lambda: _speak(_the_text(text, options.file), options, relay))


def _speak(text: str, options: SpeakOptions, relay: RelayOptions) -> int:
    """Have it spoken, and return the exit code.

    Raises:
        ConfigurationError: An option or a setting is wrong, or the text too long.
        ZhongzhuanError: It cannot be had.
    """
    form = options.format or _SUFFIXES.get(Path(options.output).suffix.lower(), "mp3")

    async def question(client: AsyncClient) -> _Spoken:
        async with client.speak(
            text,
            model=options.model,
            voice=options.voice,
            response_format=form,
            speed=options.speed,
            instructions=options.instructions,
        ) as speech:
            sound = await speech.read() if options.output == _STDOUT else b""
            size_bytes = len(sound) if options.output == _STDOUT else await _save(speech, options.output)
            billed_more = any(attempt.billed == "maybe" for attempt in speech.attempts[:-1])
            return _Spoken(sound=sound, size_bytes=size_bytes, billed_more=billed_more)

    spoken = ask(question, relay, local=options.local)
    if options.output == _STDOUT and print_whole(spoken.sound) != OK:
        return FAILED
    complain(
        f"wrote {spoken.size_bytes} bytes of {form} to {'stdout' if options.output == _STDOUT else options.output}"
    )
    if spoken.billed_more:
        complain("it took more than one attempt, and a failed one may have been billed")
    return OK


async def _save(speech: AsyncSpeech, output: str) -> int:
    """Write the sound as it comes, and return how many bytes it has.

    Raises:
        ZhongzhuanError: It broke off, or cannot be written.
    """
    try:
        return await speech.save(output)
    except ZhongzhuanError:
        raise  # one that ran out of time is an OSError too
    except OSError as error:
        raise ZhongzhuanError(f"cannot write {output}: {error.strerror or error}", billed="maybe") from None


def _the_text(text: str | None, file: str | None) -> str:
    """Return what is to be said.

    It is read here and not in the loop: a thread that waits for a terminal cannot be interrupted.

    Raises:
        ConfigurationError: There is none, or it cannot be read.
    """
    if (text is None) == (file is None):
        raise ConfigurationError("give either a text or --file", hint='such as: speak "你好" -o hello.mp3')
    if text is not None:
        return text
    name = "stdin" if file == STDIN else str(file)
    try:
        if file != STDIN:
            content = Path(name).read_bytes()
        elif sys.stdin is None:
            raise ConfigurationError("stdin is closed", hint="name a file")
        else:
            content = _read_stdin()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name} is not UTF-8 text", hint="save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"cannot read {name}: {error.strerror or error}") from None


def _read_stdin() -> bytes:
    content = bytearray()
    # Piece by piece, and not in one call: a signal between two reads in there would wait for the next bytes.
    while piece := os.read(sys.stdin.fileno(), _PIECE_BYTES):
        content += piece
    return bytes(content)


def _check_output(output: str) -> None:
    """Find out whether the sound can be written, before it is paid for.

    Raises:
        ConfigurationError: It cannot.
    """
    if output == _STDOUT:
        if sys.stdout is None:
            raise ConfigurationError("stdout is closed", hint="name a file with --output")
        if sys.stdout.isatty():
            raise ConfigurationError(
                "stdout is a terminal", hint="name a file with --output, or lead the sound into a player"
            )
        return
    path = Path(os.path.realpath(output))
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{output} is no file", hint="name a file with --output; - is stdout")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"cannot write into {path.parent}: {error.strerror or error}", hint="name another file with --output"
        ) from None
