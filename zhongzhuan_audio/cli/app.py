"""The command as a whole: its subcommands, its errors, its exit codes."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from zhongzhuan_audio._version import __version__
from zhongzhuan_audio.cli.balance import balance
from zhongzhuan_audio.cli.doctor import doctor
from zhongzhuan_audio.cli.exit_codes import INTERRUPTED, OK, WRONG_USAGE
from zhongzhuan_audio.cli.models import models
from zhongzhuan_audio.cli.render import complain
from zhongzhuan_audio.cli.serve import serve
from zhongzhuan_audio.cli.speak import speak
from zhongzhuan_audio.cli.transcribe import transcribe
from zhongzhuan_audio.cli.translate import translate
from zhongzhuan_audio.cli.wording import in_options
from zhongzhuan_audio.config import API_KEY_FILE_VARIABLE, API_KEY_VARIABLE, BASE_URL_VARIABLE, DEFAULT_BASE_URL
from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["run"]

_HELP = f"""Turn recordings into text, and text into speech, through a relay or on this
machine.

The relay's key is read from {API_KEY_VARIABLE}, or from the file that
{API_KEY_FILE_VARIABLE} names; its address from {BASE_URL_VARIABLE},
where it is not {DEFAULT_BASE_URL}."""


def _app() -> App:
    app = App(
        name="zhongzhuan-audio",
        version=f"zhongzhuan-audio {__version__}",
        help=_HELP,
        help_format="plaintext",
        version_format="plaintext",
        default_parameter=Parameter(negative=()),
        exit_on_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    app.command(transcribe)
    app.command(translate)
    app.command(speak)
    app.command(models)
    app.command(balance)
    app.command(doctor)
    app.command(serve)
    app.register_install_completion_command(help="Teach the shell to complete this command.")
    app["--help"].help = "Show this and end."
    app["--version"].help = "Show the version and end."
    return app


def run(argv: Sequence[str]) -> int:
    """Run the command.

    Args:
        argv: What stands on the command line after the command's name.

    Returns:
        The exit code: 0 all is well, 1 something failed, 2 the command or a setting is wrong, 130 interrupted, 143
        terminated.
    """
    for stream in (sys.stdout, sys.stderr):
        # A console's code page may lack what a file's name or a relay's message holds. A transcript goes out as bytes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _app()(argv)
    except CycloptsError:
        return WRONG_USAGE  # cyclopts has said what is wrong
    except ConfigurationError as error:
        complain(f"zhongzhuan-audio: {in_options(error)}")
        return WRONG_USAGE
    except KeyboardInterrupt:
        complain("zhongzhuan-audio: interrupted")
        return INTERRUPTED
    return code if isinstance(code, int) else OK
