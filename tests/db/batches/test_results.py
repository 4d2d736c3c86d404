"""The results of a batch as JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from app.pipelines.batches import results
from app.pipelines.batches.inputs import Format
from app.tables import Batch, ItemState
from tests.db.batching import LEDGER, Bench


async def lines(bench: Bench, batch: Batch, form: Format, state: ItemState | None = None) -> str:
    return "".join([part async for part in results.lines(bench.database, batch.id, form, state)])


async def test_json_lines_have_everything_about_each_item(bench: Bench) -> None:
    batch = await bench.create(["abc", "wrong", "x"], concurrency=2)
    for run in await bench.runs(batch):
        await bench.execute(LEDGER, run=run)
        await bench.engine.walk(await bench.engine.service.get(run))
    await bench.batches.pause(batch.id)
    first, second, third = map(json.loads, (await lines(bench, batch, Format.JSONL)).splitlines())
    runs = [str(item.pipeline_id) for item in await bench.items(batch)]
    assert first == {
        "number": 1,
        "state": "succeeded",
        "input": "abc",
        "pipeline_id": runs[0],
        "attempts": 1,
        "cost_usd": "0.37500000",
        "error": None,
        "artifacts": {"thing": {"length": 3}},
    }
    assert second["error"] == {"code": "request_refused", "message": "the server says no", "phase": "a"}
    assert (second["state"], second["artifacts"]) == ("dead", {})
    assert (third["state"], third["pipeline_id"], third["cost_usd"]) == ("pending", None, "0")


async def test_csv_has_objects_as_json_in_their_columns(bench: Bench) -> None:
    batch = await bench.work(await bench.create(['a "quoted",\r\ninput', "wrong"]))
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(await lines(bench, batch, Format.CSV), "")))
    assert [row["input"] for row in rows] == ['a "quoted",\r\ninput', "wrong"]
    assert json.loads(rows[0]["artifacts"]) == {"thing": {"length": 18}}
    assert json.loads(rows[1]["error"])["code"] == "request_refused"
    assert rows[0]["error"] == ""


async def test_results_can_be_those_of_one_state(bench: Bench) -> None:
    batch = await bench.work(await bench.create(["a", "wrong", "b"]))
    dead = (await lines(bench, batch, Format.JSONL, ItemState.DEAD)).splitlines()
    assert [json.loads(line)["number"] for line in dead] == [2]


async def test_results_go_on_from_page_to_page(bench: Bench) -> None:
    batch = await bench.create(["a"] * (2 * results.PAGE + 1))
    numbers = [json.loads(line)["number"] for line in (await lines(bench, batch, Format.JSONL)).splitlines()]
    assert numbers == list(range(1, 2 * results.PAGE + 2))


async def test_the_bill_of_a_batch_is_the_sum_of_its_results(bench: Bench) -> None:
    batch = await bench.create(["a", "b"])
    for run in await bench.runs(batch):
        await bench.execute(LEDGER, run=run)
    batch = await bench.work(batch)
    account = await bench.batches.account(batch)
    assert (account.bill.calls, account.bill.open, str(account.bill.cost_usd)) == (4, 2, "0.75000000")
    assert (account.per_minute, account.eta_s) == (2, None)
