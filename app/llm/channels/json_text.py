"""Code inside the strings of one JSON object: any server's schema binds it, every line break is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping

from app.llm.parser import LLMResponseParser
from app.llm.types import JSON


class JsonText:
    name = "json"
    constrained = True

    def instructions(self, schema: Mapping[str, JSON]) -> str:
        form = json.dumps(schema, ensure_ascii=False)
        return f"Output ONLY one JSON object of this schema, no fences, no explanations: {form}"

    def read(self, text: str, schema: Mapping[str, JSON]) -> JSON:
        return LLMResponseParser().parse(text).data

    def write(self, document: Mapping[str, JSON], schema: Mapping[str, JSON]) -> str:
        return json.dumps(document, ensure_ascii=False)
