"""Async-first client for the audio endpoints of OpenAI-compatible relays (中转站).

>>> from zhongzhuan_audio import Client
>>> Client().transcribe("jfk.mp3").text  # doctest: +SKIP

Names load when they are first used, so that the import itself costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zhongzhuan_audio._version import __version__

if TYPE_CHECKING:
    from zhongzhuan_audio.batch import Budget, Job, Outcome, Outcomes, Progress, to_dataframe
    from zhongzhuan_audio.blocking import BlockingOutcomes, Client, Speech
    from zhongzhuan_audio.client import AsyncClient
    from zhongzhuan_audio.config import AudioLimits, Endpoint, Limits, RetryPolicy, Timeouts
    from zhongzhuan_audio.errors import (
        APIError,
        Attempt,
        AudioSourceError,
        AuthenticationError,
        BadRequestError,
        BudgetExceededError,
        ConfigurationError,
        InvalidResponseError,
        JournalError,
        MissingExtraError,
        ModelUnavailableError,
        NotFoundError,
        NoTimingError,
        PayloadTooLargeError,
        PermissionDeniedError,
        QuotaExceededError,
        RateLimitError,
        StoppedError,
        StreamInterruptedError,
        TimedOutError,
        TransportError,
        UnsupportedAudioError,
        UpstreamError,
        ZhongzhuanError,
    )
    from zhongzhuan_audio.models import (
        Balance,
        Coverage,
        Damage,
        Logprob,
        Model,
        Preparation,
        Response,
        Segment,
        SegmentDone,
        ServerSentEvent,
        Suspicion,
        TextDelta,
        TranscriptDone,
        Transcription,
        Usage,
        Word,
    )
    from zhongzhuan_audio.speech import AsyncSpeech

_HOMES = {
    "batch": ("Budget", "Job", "Outcome", "Outcomes", "Progress", "to_dataframe"),
    "blocking": ("BlockingOutcomes", "Client", "Speech"),
    "client": ("AsyncClient",),
    "config": ("AudioLimits", "Endpoint", "Limits", "RetryPolicy", "Timeouts"),
    "errors": (
        "APIError",
        "Attempt",
        "AudioSourceError",
        "AuthenticationError",
        "BadRequestError",
        "BudgetExceededError",
        "ConfigurationError",
        "InvalidResponseError",
        "JournalError",
        "MissingExtraError",
        "ModelUnavailableError",
        "NoTimingError",
        "NotFoundError",
        "PayloadTooLargeError",
        "PermissionDeniedError",
        "QuotaExceededError",
        "RateLimitError",
        "StoppedError",
        "StreamInterruptedError",
        "TimedOutError",
        "TransportError",
        "UnsupportedAudioError",
        "UpstreamError",
        "ZhongzhuanError",
    ),
    "models": (
        "Balance",
        "Coverage",
        "Damage",
        "Logprob",
        "Model",
        "Preparation",
        "Response",
        "Segment",
        "SegmentDone",
        "ServerSentEvent",
        "Suspicion",
        "TextDelta",
        "TranscriptDone",
        "Transcription",
        "Usage",
        "Word",
    ),
    "speech": ("AsyncSpeech",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "APIError",
    "AsyncClient",
    "AsyncSpeech",
    "Attempt",
    "AudioLimits",
    "AudioSourceError",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "BlockingOutcomes",
    "Budget",
    "BudgetExceededError",
    "Client",
    "ConfigurationError",
    "Coverage",
    "Damage",
    "Endpoint",
    "InvalidResponseError",
    "Job",
    "JournalError",
    "Limits",
    "Logprob",
    "MissingExtraError",
    "Model",
    "ModelUnavailableError",
    "NoTimingError",
    "NotFoundError",
    "Outcome",
    "Outcomes",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "Preparation",
    "Progress",
    "QuotaExceededError",
    "RateLimitError",
    "Response",
    "RetryPolicy",
    "Segment",
    "SegmentDone",
    "ServerSentEvent",
    "Speech",
    "StoppedError",
    "StreamInterruptedError",
    "Suspicion",
    "TextDelta",
    "TimedOutError",
    "Timeouts",
    "TranscriptDone",
    "Transcription",
    "TransportError",
    "UnsupportedAudioError",
    "UpstreamError",
    "Usage",
    "Word",
    "ZhongzhuanError",
    "__version__",
    "to_dataframe",
]


def __getattr__(name: str) -> Any:
    """Load a public name's module when the name is first asked for."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
