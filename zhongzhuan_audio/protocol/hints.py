"""What to do about an error, in plain words."""

from __future__ import annotations

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import API_KEY_VARIABLE, DEFAULT_BASE_URL
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ModelUnavailableError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    UpstreamError,
)

__all__ = ["BASE_URL_HINT", "BILLED_HINT", "GATEWAY_HINT", "GATEWAY_TIMEOUT_HINT", "OPERATOR_HINT", "hint_for"]

BASE_URL_HINT = Advice(
    f"check base_url: it looks like {DEFAULT_BASE_URL}", command=f"check --base-url: it looks like {DEFAULT_BASE_URL}"
)
BILLED_HINT = "the work may have been done and billed; sending it again may be billed again"
GATEWAY_HINT = Advice(
    "a gateway on the way refused, not the relay: check base_url, the proxy and the network you are in",
    command="a gateway on the way refused, not the relay: check --base-url, the proxy and the network you are in",
)
GATEWAY_TIMEOUT_HINT = (
    "a gateway stopped waiting while the relay may still be at work: send the recording in shorter pieces; "
    "the same again may time out and be billed again"
)
OPERATOR_HINT = (
    "the relay's own account with its upstream was refused, not your key: try again, which may take another channel, "
    "or tell the relay's operator"
)
_TOO_LONG_HINT = "cut the recording into shorter pieces, or use a model without that limit, such as whisper-1"
_TOO_MUCH = frozenset({BadRequestError, PayloadTooLargeError})

_HINTS: dict[type[APIError], str] = {
    BadRequestError: "change the request: the same again fails the same way",
    AuthenticationError: Advice(
        f"check the key: copy the token again from the relay's page ({API_KEY_VARIABLE} or api_key=)",
        command=f"check the key: copy the token again from the relay's page ({API_KEY_VARIABLE} or --api-key-file)",
    ),
    PermissionDeniedError: "allow the model, the group or your address in the token's settings, or use another token",
    NotFoundError: BASE_URL_HINT,
    PayloadTooLargeError: "send less at once: compress the recording or cut it in pieces (25 MiB is a common limit)",
    RateLimitError: "wait and try again; fewer requests at once help",
    QuotaExceededError: "the token's quota is used up: top up or use another token",
    UpstreamError: "nothing is wrong with the request: try again, or use another endpoint",
}


def hint_for(kind: type[APIError], message: str, *, retry_after_s: float | None) -> str:
    """Return what to do about an error of a kind.

    Args:
        kind: The error's class.
        message: The relay's own words, which may name the model or the format.
        retry_after_s: Seconds that the relay asked to wait, or None.
    """
    from zhongzhuan_audio.protocol.subjects import model_named, names_format, says_too_long

    if kind is ModelUnavailableError:
        model = model_named(message)
        named = f"the model {model}" if model else "this model"
        return f"the relay has no channel for {named} now: ask for another one that the token may use"
    if kind is RateLimitError and retry_after_s:
        return f"wait {retry_after_s:g} s and try again; fewer requests at once help"
    if kind in _TOO_MUCH and says_too_long(message):
        return _TOO_LONG_HINT
    if kind is BadRequestError and names_format(message):
        return "convert the recording to mp3, m4a, wav or flac, and give it that extension"
    return _HINTS[kind]
