"""Keys as requests need them: read, read again after a refusal, and kept out of errors."""

from __future__ import annotations

import inspect
import logging

from zhongzhuan_audio.config import ApiKey, KeyFile, Secret, check_api_key, masked
from zhongzhuan_audio.errors import APIError, InvalidResponseError, ZhongzhuanError

__all__ = ["fresh_key", "hide_key", "read_key"]

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")


async def fresh_key(api_key: ApiKey) -> Secret | None:
    """Return the key as it is after a refusal, a file read again even if it looks unchanged; None if there is none."""
    if isinstance(api_key, KeyFile):
        api_key.forget()
    try:
        return await read_key(api_key)
    except Exception as error:  # noqa: BLE001 - a function of the user's may raise anything
        # The refusal says more than a file that is being written just now.
        logger.warning("the key was refused, and could not be read again: %s", type(error).__name__)
        return None


async def read_key(api_key: ApiKey) -> Secret:
    """Return the key, asking the function or the file that gives it.

    Raises:
        ConfigurationError: There is none, or it cannot be one.
    """
    if not callable(api_key):
        return Secret(api_key)
    key = masked(api_key())
    if inspect.isawaitable(key):
        key = masked(await key)
    return check_api_key(key, origin="the key that the api_key function gave")


def hide_key(key: Secret, error: ZhongzhuanError) -> None:
    """Take the key out of an error, should it have come in some other way: in a status line, behind an encoding."""
    error.message = error.message.replace(key, "***")
    error.args = (error.message,)
    if isinstance(error, (APIError, InvalidResponseError)):
        error.body = error.body.replace(key, "***")
        error.headers = {name: value.replace(key, "***") for name, value in error.headers.items()}
