"""The scene of the engine's tests, for what other programs see of it."""

from tests.syncs.engine.conftest import acme, folders, impatience, sandbox, scene

__all__ = ["acme", "folders", "impatience", "sandbox", "scene"]
