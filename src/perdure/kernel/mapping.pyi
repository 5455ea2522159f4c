"""Types of the compiled mappings; `_pure/mapping.py` has the same names."""

from typing import Any

from perdure.kernel.durable import Durable

NEW: int
KEPT: int
DELETED: int
MOVED: int

def set_weak_type(kind: type | None) -> None: ...

class HotMapping(Durable):
    _perdure_hot_: dict[Any, Any]
    _perdure_pending_: dict[Any, int] | None
    _perdure_count_: int
    _perdure_weight_: int
    _perdure_last_: int
    _perdure_complete_: bool
    _perdure_special_: bool
    def __len__(self) -> int: ...
    def __contains__(self, key: object) -> bool: ...

class HotDict(HotMapping):
    def __getitem__(self, key: Any) -> Any: ...
    def get(self, key: Any, default: Any = None, /) -> Any: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __delitem__(self, key: Any) -> None: ...

class HotSet(HotMapping):
    def add(self, element: Any) -> None: ...
