"""What a client is told once: where the relay is, whose key, how long to wait, how much at once.

Everything here is checked at construction, before any I/O, and no key is in a repr.
"""

from zhongzhuan_audio.config.address import DEFAULT_BASE_URL, is_loopback, normalise_base_url, relay_root
from zhongzhuan_audio.config.checks import check_callable, check_kind
from zhongzhuan_audio.config.keys import (
    API_KEY_FILE_VARIABLE,
    API_KEY_VARIABLE,
    ApiKey,
    KeyFile,
    Secret,
    check_api_key,
    masked,
    masked_items,
    masked_parts,
)
from zhongzhuan_audio.config.settings import (
    BASE_URL_VARIABLE,
    AudioLimits,
    Encoding,
    Endpoint,
    Limits,
    RetryPolicy,
    Timeouts,
    endpoints_from_options,
)

__all__ = [
    "API_KEY_FILE_VARIABLE",
    "API_KEY_VARIABLE",
    "BASE_URL_VARIABLE",
    "DEFAULT_BASE_URL",
    "ApiKey",
    "AudioLimits",
    "Encoding",
    "Endpoint",
    "KeyFile",
    "Limits",
    "RetryPolicy",
    "Secret",
    "Timeouts",
    "check_api_key",
    "check_callable",
    "check_kind",
    "endpoints_from_options",
    "is_loopback",
    "masked",
    "masked_items",
    "masked_parts",
    "normalise_base_url",
    "relay_root",
]
