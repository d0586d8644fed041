from destinations.models.account_hour import AccountHour
from destinations.models.connection import Connection
from destinations.models.connection_share import ConnectionShare
from destinations.models.exchange import Exchange
from destinations.models.oauth_token import OAuthToken
from destinations.models.remote_account import RemoteAccount

__all__ = ["AccountHour", "Connection", "ConnectionShare", "Exchange", "OAuthToken", "RemoteAccount"]
