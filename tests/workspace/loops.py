"""The event loops that asyncio programs run on."""

import asyncio
from typing import Any

try:
    import uvloop

    LOOPS: list[Any] = [asyncio.new_event_loop, uvloop.new_event_loop]
except ImportError:
    LOOPS = [asyncio.new_event_loop]
