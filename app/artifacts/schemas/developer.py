"""What the developer hands on: `DeveloperDeliverable`."""

from __future__ import annotations

from pydantic import Field, model_validator

from app.artifacts.schemas.code_file import CodeFile
from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line

MAX_FILES = 200
MAX_BYTES = 20 * 1024 * 1024


class DeveloperDeliverable(Document):
    """The files of a change: all of them are written, or none."""

    files: list[CodeFile] = Field(description="Code and configuration")
    dependencies: list[Line] = Field(description="Packages to install; empty if none is new")
    test_files: list[CodeFile] = Field(description="Tests")
    migration_scripts: list[CodeFile] = Field(default=[], description="Database migrations")

    @property
    def all_files(self) -> list[CodeFile]:
        return [*self.files, *self.test_files, *self.migration_scripts]

    @model_validator(mode="after")
    def _files_fit_together(self) -> DeveloperDeliverable:
        files = self.all_files
        if not files:
            raise ValueError("files: at least one file is needed in files, test_files or migration_scripts")
        if len(files) > MAX_FILES:
            raise ValueError(f"files: at most {MAX_FILES} files in all, this has {len(files)}")
        if sum(len(file.content.encode()) for file in files) > MAX_BYTES:
            raise ValueError(f"files: at most {MAX_BYTES // 1024**2} MiB in all")
        if twice := _repeated([file.path for file in files]):
            raise ValueError(f"files: each path once over all lists; repeated: {', '.join(twice)}")
        return self


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
