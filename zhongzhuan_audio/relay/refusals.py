"""The errors that a relay, and the upstream behind it, really give, in their own words."""

from __future__ import annotations

from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ModelUnavailableError,
    NotFoundError,
    PayloadTooLargeError,
    QuotaExceededError,
    UpstreamError,
)

__all__ = [
    "EXTENSIONS",
    "bad_json",
    "bad_key",
    "bad_request",
    "broken",
    "invalid_language",
    "missing_key",
    "no_channel",
    "no_voice",
    "not_audio",
    "quota_too_small",
    "quota_used_up",
    "too_large",
    "unknown_model",
    "unknown_url",
]

EXTENSIONS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
"""The file name extensions that the upstream takes. Source: its own error message."""

_RELAY = "new_api_error"
_UPSTREAM = "invalid_request_error"


def missing_key() -> APIError:
    """No ``Authorization`` header, or not of the Bearer kind."""
    return AuthenticationError("未提供令牌", status=401, type=_RELAY, code="")


def bad_key() -> APIError:
    """The key is another one."""
    return AuthenticationError("无效的令牌", status=401, type=_RELAY, code="")


def no_channel(model: str) -> APIError:
    """No channel serves the model."""
    message = f"分组 default 下模型 {model} 无可用渠道（distributor）"
    return ModelUnavailableError(message, status=503, type=_RELAY, code="model_not_found")


def no_voice(model: str) -> APIError:
    """This relay cannot speak."""
    message = f"模型 {model} 无可用渠道: nothing that speaks is installed: pip install 'zhongzhuan-audio[voice]'"
    return ModelUnavailableError(message, status=503, type=_RELAY, code="model_not_found")


def unknown_model(model: str) -> APIError:
    """No such model is listed."""
    message = f"The model {model!r} does not exist"
    return NotFoundError(message, status=404, type=_UPSTREAM, param="model", code="model_not_found")


def quota_used_up(left_usd: float) -> APIError:
    """Nothing is left to pay with."""
    message = f"用户额度不足, 剩余额度: ＄{left_usd:.6f}"
    return QuotaExceededError(message, status=403, type=_RELAY, code="insufficient_user_quota")


def quota_too_small(left_usd: float, need_usd: float) -> APIError:
    """What is left does not pay for this request."""
    message = f"预扣费额度失败, 用户剩余额度: ＄{left_usd:.6f}, 需要预扣费额度: ＄{need_usd:.6f}"
    return QuotaExceededError(message, status=403, type=_RELAY, code="insufficient_user_quota")


def unknown_url(method: str, path: str) -> APIError:
    """No such path, or another method on it."""
    return NotFoundError(f"Invalid URL ({method} {path})", status=404, type=_UPSTREAM, code="")


def too_large(limit_bytes: int, read_bytes: int) -> APIError:
    """The recording, or the whole request as announced, is past the limit."""
    message = f"Maximum content size limit ({limit_bytes}) exceeded ({read_bytes} bytes read)"
    return PayloadTooLargeError(message, status=413, type="server_error")


def not_audio() -> APIError:
    """The bytes are no audio, or the name's extension is of no format that is taken."""
    return bad_request(f"Invalid file format. Supported formats: {list(EXTENSIONS)}", param="file")


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> APIError:
    """A field is wrong."""
    return BadRequestError(message, status=400, type=_UPSTREAM, param=param, code=code)


def bad_json() -> APIError:
    """The body is not the JSON object that it should be."""
    message = "We could not parse the JSON body of your request. The API expects a JSON payload."
    return bad_request(message)


def invalid_language(language: str) -> APIError:
    """The language is none that Whisper knows by an ISO-639-1 code."""
    message = f"Invalid language {language!r}. Language parameter must be specified in ISO-639-1 format."
    return bad_request(message, param="language", code="invalid_language_format")


def broken(error: Exception) -> APIError:
    """The relay itself failed."""
    message = f"Panic detected, error: {type(error).__name__}: {error}"
    return UpstreamError(message, status=500, type="new_api_panic")
