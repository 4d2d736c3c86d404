"""One whole file of code: `CodeFile`."""

from __future__ import annotations

from pydantic import Field, model_validator

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line

MAX_FILE_BYTES = 2 * 1024 * 1024
_FENCES = ("```", "~~~")
_MARKDOWN = (".md", ".markdown", ".mdx")
_MARKDOWN_FENCES = ("```md", "```markdown", "~~~md", "~~~markdown")


class CodeFile(Document):
    """A new or changed file, complete."""

    path: Line = Field(description="Path from the repository root")
    content: str = Field(description="The whole file, raw: no Markdown fence around it")
    imports: list[Line] = Field(description="Modules it imports")
    classes: list[Line] = Field(description="Classes it defines")
    functions: list[Line] = Field(description="Functions it defines")
    tests_required: list[Line] = Field(description="What tests must cover")

    @model_validator(mode="after")
    def _content_is_raw_and_small(self) -> CodeFile:
        if len(self.content.encode()) > MAX_FILE_BYTES:
            raise ValueError(f"content: {self.path} is larger than {MAX_FILE_BYTES // 1024**2} MiB")
        if _is_fenced(self.path, self.content):
            raise ValueError(f"content: {self.path} is wrapped in a Markdown fence; give the raw file")
        return self


def _is_fenced(path: str, content: str) -> bool:
    """A Markdown file may begin with a fence of its own, but not with one that says it is Markdown."""
    fences = _MARKDOWN_FENCES if path.lower().endswith(_MARKDOWN) else _FENCES
    return content.lstrip("\ufeff \t\r\n")[:12].lower().startswith(fences)
