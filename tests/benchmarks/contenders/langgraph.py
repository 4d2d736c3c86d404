"""LangGraph with its Postgres checkpointer: a graph of one node per phase, checkpointed after each.

As its documentation has it: the asynchronous saver over a connection pool, with autocommit.
`durability="sync"` makes a step wait for its checkpoint, which is what every contender does here. It has no
queue: the worker starts its runs itself, which spares it the claim that ours and the floor make.
"""

from __future__ import annotations

import uuid
from typing import Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from tests.benchmarks.contenders.contender import follow_orders
from tests.benchmarks.workload import WORKLOADS, Workload, answer

CONNECTIONS = 16


class LangGraph:
    name = "langgraph"
    is_direct = True

    async def prepare(self, url: str) -> None:
        async with AsyncPostgresSaver.from_conn_string(url) as saver:
            await saver.setup()

    async def work(self, url: str, concurrency: int) -> None:
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        pool = AsyncConnectionPool(
            url, min_size=CONNECTIONS, max_size=CONNECTIONS, open=False, kwargs=options
        )
        async with pool:
            saver = AsyncPostgresSaver(pool)
            graphs = {workload: compiled(workload, saver) for workload in WORKLOADS.values()}

            async def run(workload: Workload) -> None:
                config = {"configurable": {"thread_id": str(uuid.uuid4())}}
                await graphs[workload].ainvoke({"input": "An epic"}, config, durability="sync")

            await follow_orders(run)


def compiled(workload: Workload, saver: AsyncPostgresSaver) -> Any:
    """A chain of nodes, each of which leaves its document under a key of its own."""
    names = [f"p{number}" for number in range(workload.phases)]
    state = TypedDict("state", {"input": str, **{f"a{name}": dict[str, str] for name in names}})  # type: ignore[misc]
    graph = StateGraph(state)
    for name in names:
        graph.add_node(name, node(name, workload))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=saver)


def node(name: str, workload: Workload) -> Any:
    async def run(state: dict[str, Any]) -> dict[str, Any]:
        return {f"a{name}": await answer(workload.sleep_s)}

    return run


CONTENDER = LangGraph()
