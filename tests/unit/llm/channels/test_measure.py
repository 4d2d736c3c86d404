"""What both channels cost for the same document, counted without a model."""

from __future__ import annotations

from app.artifacts.registry import schema
from app.llm.channels.measure import measure
from app.settings import ROOT
from tests.unit.llm.channels.deliverables import code_file

SCHEMA = schema("DeveloperDeliverable").json_schema()


def test_code_is_shorter_in_blocks_and_nothing_is_escaped() -> None:
    code = (ROOT / "app" / "llm" / "channels" / "blocks.py").read_text("utf-8")
    document = {"files": [code_file("a.py", code)], "dependencies": [], "test_files": []}
    json_text, blocks = measure(document, SCHEMA)
    assert (json_text.channel, blocks.channel) == ("json", "blocks")
    assert blocks.escapes == 0
    assert json_text.escapes == sum(map(code.count, '\n"\\'))
    assert blocks.characters < json_text.characters
    assert blocks.tokens < json_text.tokens


def test_a_document_of_tiny_files_is_longer_in_blocks() -> None:
    document = {"files": [code_file("a.py", "")], "dependencies": [], "test_files": []}
    json_text, blocks = measure(document, SCHEMA)
    assert blocks.characters > json_text.characters
