"""A loopback server that speaks the wire forms of Claude, Ollama and OpenAI-compatible servers."""

from tests.stub.script import entries
from tests.stub.server import Request, Stub

__all__ = ["Request", "Stub", "entries"]
