"""``zhongzhuan-audio models``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhongzhuan_audio.cli.asking import Json, Local, RelayOptions, ask, end_in_order, print_json, print_text
from zhongzhuan_audio.cli.render import one_line

if TYPE_CHECKING:
    from zhongzhuan_audio.models import Model

__all__ = ["models"]

_RELAY = RelayOptions()


def models(*, json: Json = False, local: Local = False, relay: RelayOptions = _RELAY) -> int:
    """List the models that the key may use, one a line.

    It costs nothing. Of several relays, the first that answers is asked.
    """

    def work() -> int:
        found = ask(lambda client: client.models(), relay, local=local)
        if json:
            return print_json([_as_json(model) for model in found])
        return print_text("".join(f"{one_line(model.id)}\n" for model in found))

    return end_in_order(work)


def _as_json(model: Model) -> dict[str, object]:
    return {
        "id": model.id,
        "created": model.created and model.created.isoformat(),
        "owned_by": model.owned_by,
        "supported_endpoint_types": model.supported_endpoint_types,
    }
