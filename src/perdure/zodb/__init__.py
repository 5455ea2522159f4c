"""The ZODB face: databases, connections and persistence by reachability, with the `transaction` package.

>>> import perdure.zodb as ZODB
>>> connection = ZODB.connection(None)
>>> connection.root.answer = 42
"""

from perdure.zodb import POSException
from perdure.zodb.database import DB, connection
from perdure.zodb.jar import Connection
from perdure.zodb.persistent import Persistent

__all__ = ["DB", "Connection", "POSException", "Persistent", "connection"]
