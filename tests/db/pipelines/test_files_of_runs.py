"""Files of runs: each once, under its digest, as long as there is room and the run has its history."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.artifacts import files
from app.artifacts.files import FILE_BYTES, RUN_BYTES, NewFile
from app.cli.saving import safe_name, save_files
from app.errors import Invalid, NotFound
from app.pipelines.retention.policy import Policy, Pruned
from app.pipelines.retention.pruner import Pruner
from app.services import Services
from app.tables import RunFile
from tests.db.past import Past

PICTURE = NewFile("index.html.png", "image/png", b"\x89PNG a picture")


async def test_the_same_picture_is_kept_once_and_found_by_its_digest(past: Past) -> None:
    run = await past.run()
    for _ in range(2):
        async with past.database.transaction() as session:
            assert await files.keep(session, run.id, [PICTURE, PICTURE]) == [PICTURE, PICTURE]
    async with past.database.transaction() as session:
        [row] = await files.every(session, run.id)
        assert (await files.get(session, run.id, PICTURE.sha256)).data == PICTURE.data
        with pytest.raises(NotFound, match=row.sha256):
            await files.get(session, run.id, "0" * 64)


@pytest.mark.parametrize(
    "file",
    [
        NewFile("page.html", "text/html", b"<script>"),
        NewFile("picture.svg", "image/svg+xml", b"<svg>"),
        NewFile("large.png", "image/png", bytes(FILE_BYTES + 1)),
        NewFile("empty.png", "image/png", b""),
    ],
    ids=lambda file: file.name,
)
async def test_what_is_no_picture_of_a_bearable_size_is_not_kept(past: Past, file: NewFile) -> None:
    run = await past.run()
    async with past.database.transaction() as session:
        assert await files.keep(session, run.id, [file, PICTURE]) == [PICTURE]


async def test_a_run_keeps_no_more_than_it_may(past: Past) -> None:
    run = await past.run()
    large = [
        NewFile(f"{n}.png", "image/png", bytes([n]) * FILE_BYTES) for n in range(RUN_BYTES // FILE_BYTES)
    ]
    async with past.database.transaction() as session:
        assert await files.keep(session, run.id, large) == large
        assert await files.keep(session, run.id, [PICTURE, large[0]]) == [large[0]]


async def test_files_go_with_the_history_of_their_run(past: Past, tmp_path: Path) -> None:
    old, live = await past.run(days_ago=31), await past.run(days_ago=1)
    async with past.database.transaction() as session:
        for run in (old, live):
            await files.keep(session, run.id, [PICTURE])
    pruner = Pruner(past.database, tmp_path, Policy(history=timedelta(days=30)), temporary=tmp_path)
    seen = await pruner.preview()
    assert seen == await pruner.prune() == Pruned(runs=1, events=3, artifacts=1, answers=1, files=1)
    assert (await past.count(RunFile, old), await past.count(RunFile, live)) == (0, 1)


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("index.html.png", "index-html-01234567.png"),
        ("../../etc/passwd.png", "etc-passwd-01234567.png"),
        ("/root/.bashrc", "root-01234567.png"),
        ("..", "file-01234567.png"),
        ("-rf \x1b[31m\n.png", "rf-31m-01234567.png"),
        ("a" * 500 + ".png", "a" * 60 + "-01234567.png"),
    ],
)
def test_a_name_from_a_model_leads_nowhere_else(name: str, saved: str) -> None:
    assert safe_name(RunFile(name=name, media_type="image/png", sha256="0123456789" * 6)) == saved


async def test_files_are_saved_and_nothing_is_written_over(services: Services, tmp_path: Path) -> None:
    past = Past(services.database)
    run = await past.run()
    async with services.database.transaction() as session:
        await files.keep(session, run.id, [PICTURE])
    for _ in range(2):
        await save_files(services, run.id, tmp_path / "new", as_json=True)
    [path] = (tmp_path / "new").iterdir()
    assert path.read_bytes() == PICTURE.data
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Invalid, match="choose another folder"):
        await save_files(services, run.id, tmp_path / "new", as_json=True)
    assert not (tmp_path / "elsewhere").exists()
