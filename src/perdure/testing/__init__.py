"""Test kit for engines and storages, for pytest and hypothesis.

Whoever writes an engine inherits `EngineContract` and gives a fixture `engine`; a storage inherits
`StorageContract` and gives `storage`. `engine_machine` and `storage_machine` make random tests that run
several of them in step, with each other and with a plain model, and compare every answer.

```
class TestMyEngine(EngineContract):
    @pytest.fixture
    def engine(self):
        engine = MyEngine(spaces=range(3))
        yield engine
        engine.close()
```
"""

from .engine_contract import EngineContract
from .engine_machine import engine_machine
from .model import Model
from .storage_contract import StorageContract
from .storage_machine import storage_machine

__all__ = ["EngineContract", "Model", "StorageContract", "engine_machine", "storage_machine"]
