"""Which proxy of the operator's leads to an address. Pure."""

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit


def proxies_for(
    url: str, *, https_proxy: str = "", http_proxy: str = "", no_proxy: str = ""
) -> dict[str, str]:
    """The proxy for an address, as requests wants it; none for this machine and the hosts of NO_PROXY.

    `no_proxy` is the usual list: names (which cover their subdomains), addresses, networks, `*`; each may
    end in a port.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return {}  # no address that anything could be sent to
    proxy = https_proxy if parts.scheme == "https" else http_proxy
    host = (parts.hostname or "").rstrip(".")
    if not proxy or not host or _is_this_machine(host):
        return {}
    entries = no_proxy.replace(",", " ").lower().split()
    return {} if any(_covers(entry, host, port) for entry in entries) else {parts.scheme: proxy}


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY means the host at this port."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        pass  # one of them is a name
    name, colon, of_port = entry.rpartition(":")
    if colon and of_port.isdigit():
        if int(of_port) != port:
            return False
        entry = name.strip("[]")
    entry = entry.removeprefix("*").lstrip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))
