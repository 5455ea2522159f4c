"""Ordered maps of bytes with transactions: the protocol, and the engines `lmdb` and `memory`."""

from .memory import MemoryEngine
from .protocol import Capabilities, Engine, EngineTransaction, RetryTransaction, TransactionClosed, Watcher

__all__ = [
    "Capabilities",
    "Engine",
    "EngineTransaction",
    "MemoryEngine",
    "RetryTransaction",
    "TransactionClosed",
    "Watcher",
]
