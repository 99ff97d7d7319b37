"""The embedded relay: a real HTTP server on this machine that speaks the relays' wire.

With Whisper and piper it hears and speaks with no key and no network; with a script it is a kit for tests of code that
talks to a relay.
"""

from zhongzhuan_audio.relay.app import LocalRelay
from zhongzhuan_audio.relay.custom import JSONRequest
from zhongzhuan_audio.relay.engines import Engine, Recognition, ScriptedEngine, StreamingEngine, TranscribeOptions
from zhongzhuan_audio.relay.faultplan import FaultPlan
from zhongzhuan_audio.relay.faults import Fault, FaultKind, Match
from zhongzhuan_audio.relay.faultspec import parse_faults
from zhongzhuan_audio.relay.ledger import Ledger
from zhongzhuan_audio.relay.piper import PiperVoice
from zhongzhuan_audio.relay.received import ReceivedRequest
from zhongzhuan_audio.relay.scripted import ScriptedAnswer, ScriptedDeltas, ScriptedStream
from zhongzhuan_audio.relay.voices import ScriptedVoice, SpeakOptions, Voice
from zhongzhuan_audio.relay.whisper import WhisperEngine

__all__ = [
    "Engine",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "JSONRequest",
    "Ledger",
    "LocalRelay",
    "Match",
    "PiperVoice",
    "ReceivedRequest",
    "Recognition",
    "ScriptedAnswer",
    "ScriptedDeltas",
    "ScriptedEngine",
    "ScriptedStream",
    "ScriptedVoice",
    "SpeakOptions",
    "StreamingEngine",
    "TranscribeOptions",
    "Voice",
    "WhisperEngine",
    "parse_faults",
]
