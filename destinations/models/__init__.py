from destinations.models.connection import Connection
from destinations.models.exchange import Exchange
from destinations.models.remote_account import RemoteAccount

__all__ = ["Connection", "Exchange", "RemoteAccount"]
