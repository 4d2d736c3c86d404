"""Abuse cases 21 and 22: what an answer says beside path and text counts for nothing."""

from __future__ import annotations

import ast
import base64
import io
import zipfile
from pathlib import Path

import pytest

from app.artifacts.registry import schema
from app.errors import SchemaMismatch
from app.settings import ROOT
from app.workspace.files import SourceFile
from app.workspace.writer import list_files, write_files
from tests.db.software import code

UNPACKERS = {"zipfile", "tarfile", "shutil.unpack_archive", "gzip", "bz2", "lzma", "zipimport"}


@pytest.mark.abuse(21)
@pytest.mark.parametrize("field", ["mode", "executable", "type", "symlink", "target", "owner"])
def test_a_file_of_an_answer_has_no_mode_and_no_type(field: str) -> None:
    answer = code({"shop/a.py": "A = 1\n"})
    answer["files"][0][field] = "0o4777"
    with pytest.raises(SchemaMismatch, match=field):
        schema("DeveloperDeliverable").validate(answer)


@pytest.mark.abuse(22)
@pytest.mark.parametrize("name", ["a.zip", "evil.whl", "x.tar.gz", "b.jar"])
def test_an_archive_in_an_answer_stays_the_text_that_it_is(tmp_path: Path, name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../outside.txt", "evil")
    text = base64.b64encode(packed.getvalue()).decode()
    write_files(tmp_path, [SourceFile(name, text)])
    assert list_files(tmp_path) == [name]
    assert (tmp_path / name).read_text() == text


@pytest.mark.abuse(22)
def test_no_part_of_the_service_unpacks_archives() -> None:
    used = {name for path in (ROOT / "app").rglob("*.py") for name in _imports(path)}
    assert "asyncio" in used
    assert used & UNPACKERS == set()


def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.append(f"{node.value.id}.{node.attr}")
    return found
