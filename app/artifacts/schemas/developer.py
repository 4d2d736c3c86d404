"""What the developer hands on: `DeveloperDeliverable`."""

from __future__ import annotations

from pydantic import Field, model_validator

from app.artifacts.schemas.code_edit import CodeEdit
from app.artifacts.schemas.code_file import CodeFile
from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line

MAX_FILES = 200
MAX_EDITS = 500
MAX_BYTES = 20 * 1024 * 1024


class DeveloperDeliverable(Document):
    """The files of a change: all of them are written, or none."""

    files: list[CodeFile] = Field(description="Code and configuration: files that are new")
    dependencies: list[Line] = Field(description="Packages to install; empty if none is new")
    test_files: list[CodeFile] = Field(description="Tests")
    migration_scripts: list[CodeFile] = Field(default=[], description="Database migrations")
    edits: list[CodeEdit] = Field(default=[], description="Changes of files that exist")

    @property
    def all_files(self) -> list[CodeFile]:
        return [*self.files, *self.test_files, *self.migration_scripts]

    @model_validator(mode="after")
    def _files_fit_together(self) -> DeveloperDeliverable:
        files = self.all_files
        edited = list(dict.fromkeys(edit.path for edit in self.edits))
        if not files and not edited:
            raise ValueError("files: at least one file is needed, whole or by edits")
        if len(files) + len(edited) > MAX_FILES:
            raise ValueError(f"files: at most {MAX_FILES} files in all, this has {len(files) + len(edited)}")
        if len(self.edits) > MAX_EDITS:
            raise ValueError(f"edits: at most {MAX_EDITS} edits in all, this has {len(self.edits)}")
        if self._size() > MAX_BYTES:
            raise ValueError(f"files: at most {MAX_BYTES // 1024**2} MiB in all")
        if twice := _repeated([*(file.path for file in files), *edited]):
            raise ValueError(
                f"files: each path once over all lists, whole or by edits; repeated: {', '.join(twice)}"
            )
        return self

    def _size(self) -> int:
        texts = [file.content for file in self.all_files]
        texts += [part for edit in self.edits for part in (edit.search, edit.replace)]
        return sum(len(text.encode()) for text in texts)


def _repeated(paths: list[str]) -> list[str]:
    """Paths that name the same file on some file system (case does not matter there)."""
    seen: set[str] = set()
    twice = []
    for path in paths:
        key = path.casefold()
        if key in seen:
            twice.append(path)
        seen.add(key)
    return twice
