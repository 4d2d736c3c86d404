"""Carries out `cache`: what is kept, what it saved, and how it is forgotten."""

from __future__ import annotations

from dataclasses import asdict

from app.cli.opening import read_settings, with_services
from app.cli.output import explain, print_json, say, stdout
from app.llm import cache_rows
from app.llm.cache_rows import CacheState
from app.services import Services
from app.settings import Settings
from app.usage import reports
from app.usage.reports import Bill


def show_cache(days: int, *, as_json: bool) -> None:
    async def read(services: Services) -> tuple[CacheState, Bill]:
        async with services.database.transaction() as session:
            return await cache_rows.state(session), await reports.saved(session, days)

    settings = read_settings()
    state, saved = with_services(settings, read)
    if as_json:
        print_json({**asdict(state), "days": days, **_saved(saved)})
        return
    console = stdout()
    say(console, f"{state.entries:,} answers, {state.bytes / 1e6:.1f} of {settings.response_cache_mb:g} MB")
    tokens = saved.tokens.total_input + saved.tokens.output
    say(
        console,
        f"{saved.calls:,} given again in {days} days: {tokens:,} tokens and "
        f"${saved.cost_usd:.4f} saved" + (f", {saved.unpriced} without a price" if saved.unpriced else ""),
    )
    explain(console, (_policy(settings), "dim"))


def clear_cache(*, as_json: bool) -> None:
    async def clear(services: Services) -> int:
        return await services.cache.clear()

    gone = with_services(read_settings(), clear)
    if as_json:
        print_json({"removed": gone})
        return
    say(stdout(), f"{gone:,} answers forgotten")


def _saved(saved: Bill) -> dict[str, object]:
    return {
        "hits": saved.calls,
        "saved_tokens": asdict(saved.tokens),
        "saved_usd": float(saved.cost_usd),
        "unpriced": saved.unpriced,
    }


def _policy(settings: Settings) -> str:
    if not settings.response_cache_hours or not settings.response_cache_mb:
        return "the cache is off (WORKBENCH_RESPONSE_CACHE_HOURS, WORKBENCH_RESPONSE_CACHE_MB)"
    return f"an answer is kept for {settings.response_cache_hours:g} hours, for phases whose limits say cache"
