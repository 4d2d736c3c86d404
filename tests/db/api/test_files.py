"""Files of a run over REST: to download, and never to run."""

from __future__ import annotations

import tracemalloc

import httpx

from app.artifacts import files
from app.artifacts.files import FILE_BYTES, NewFile
from app.services import Services
from tests.db.past import Past

PICTURE = NewFile('"><script>.png', "image/png", b"\x89PNG a picture")


async def test_a_picture_is_a_download_that_nothing_in_it_can_name(
    api: httpx.AsyncClient, services: Services
) -> None:
    run = await Past(services.database).run()
    async with services.database.transaction() as session:
        await files.keep(session, run.id, [PICTURE])
    [listed] = (await api.get(f"/pipelines/{run.id}/files")).json()
    assert (listed["sha256"], listed["bytes"]) == (PICTURE.sha256, len(PICTURE.data))
    answer = await api.get(f"/pipelines/{run.id}/files/{PICTURE.sha256}")
    assert answer.content == PICTURE.data
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f'attachment; filename="{PICTURE.sha256[:16]}.png"'
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_list_of_files_reads_none_of_them(api: httpx.AsyncClient, services: Services) -> None:
    run = await Past(services.database).run()
    large = [NewFile(f"{n}.png", "image/png", bytes([n]) * FILE_BYTES) for n in range(3)]
    async with services.database.transaction() as session:
        await files.keep(session, run.id, large)
    tracemalloc.start()
    try:
        listed = (await api.get(f"/pipelines/{run.id}/files")).json()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [one["bytes"] for one in listed] == [FILE_BYTES] * 3
    assert most < FILE_BYTES


async def test_a_file_belongs_to_its_run(api: httpx.AsyncClient, services: Services) -> None:
    past = Past(services.database)
    mine, other = await past.run(), await past.run()
    async with services.database.transaction() as session:
        await files.keep(session, mine.id, [PICTURE])
    assert (await api.get(f"/pipelines/{other.id}/files/{PICTURE.sha256}")).status_code == 404
    assert (await api.get(f"/pipelines/{mine.id}/files/{'A' * 64}")).status_code == 422
