"""The embedded relay: a real HTTP server on this machine that speaks the relays' wire.

With Whisper it transcribes with no key and no network; with a script it is a kit for tests of code that talks to a
relay.
"""

from zhongzhuan_audio.relay.app import LocalRelay
from zhongzhuan_audio.relay.engines import Engine, Recognition, ScriptedAnswer, ScriptedEngine, TranscribeOptions
from zhongzhuan_audio.relay.faultplan import FaultPlan
from zhongzhuan_audio.relay.faults import Fault, FaultKind, Match
from zhongzhuan_audio.relay.faultspec import parse_faults
from zhongzhuan_audio.relay.received import ReceivedRequest
from zhongzhuan_audio.relay.whisper import WhisperEngine

__all__ = [
    "Engine",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "LocalRelay",
    "Match",
    "ReceivedRequest",
    "Recognition",
    "ScriptedAnswer",
    "ScriptedEngine",
    "TranscribeOptions",
    "WhisperEngine",
    "parse_faults",
]
