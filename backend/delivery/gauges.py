"""What is measured of the lines, in Valkey: written by the leader, read by whoever shows it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.contracts import WORKER_KEYS, parse_presence
from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.domain.reviews import Backlog
from backend.domain.workers import WorkerState
from backend.scheduling.gauges import Board, FamilyGauges

# Told anew every second; what is older than this is worse than nothing.
TOLD_TTL_S: Final = 15
GAUGES: Final = TypeAdapter(FamilyGauges)
# Counted twice a minute.
BACKLOG_TTL_S: Final = 120
BACKLOG_KEY: Final = "impasto:gauges:backlog"
BACKLOG: Final = TypeAdapter(tuple[Backlog, ...])

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class RedisGauges:
    """One string a family; beside it, who is there is read from the keys of presence.

    `leader_key` is there while a dispatcher leads.
    """

    def __init__(self, *, redis: Redis, leader_key: str) -> None:
        self._redis = redis
        self._leader_key = leader_key

    async def tell(self, family: ModelFamily, gauges: FamilyGauges) -> None:
        await self._redis.set(_key(family), GAUGES.dump_json(gauges), ex=TOLD_TTL_S)

    async def tell_backlog(self, backlog: Sequence[Backlog]) -> None:
        told = BACKLOG.dump_json(tuple(backlog))
        await self._redis.set(BACKLOG_KEY, told, ex=BACKLOG_TTL_S)

    async def read(self) -> Board:
        try:
            keys = [self._leader_key, BACKLOG_KEY, *(_key(family) for family in ModelFamily)]
            leader, backlog, *told = await self._redis.mget(keys)
            found = {key async for key in self._redis.scan_iter(match=WORKER_KEYS, count=1000)}
            workers = sorted(found)
            said = await self._redis.mget(workers) if workers else []
        except (RedisError, OSError) as error:
            _log.warning("gauges_unreachable", error=repr(error))
            raise Unavailable from error
        present = Counter(_family_of(key) for key in workers)
        return Board(
            is_led=leader is not None,
            workers={family: present[family] for family in ModelFamily},
            states=_states(zip(workers, said, strict=True)),
            families={
                family: gauges
                for family, raw in zip(ModelFamily, told, strict=True)
                if (gauges := _parsed(GAUGES, raw)) is not None
            },
            backlog=_parsed(BACKLOG, backlog) or (),
        )


def _states(
    said: Iterable[tuple[bytes, bytes | str | None]],
) -> Mapping[ModelFamily, Mapping[WorkerState, int]]:
    """Count workers by what they say they do; who says nothing readable is left out."""
    counted: dict[ModelFamily, Counter[WorkerState]] = {family: Counter() for family in ModelFamily}
    for key, value in said:
        with suppress(ValueError):  # pydantic's is one; so is a family nobody knows
            if value is not None:
                counted[ModelFamily(_family_of(key))][parse_presence(value).state] += 1
    return {family: dict(states) for family, states in counted.items() if states}


def _key(family: ModelFamily) -> str:
    return f"impasto:gauges:{family}"


def _family_of(key: bytes) -> str:
    return key.decode(errors="replace").split(":")[2]


def _parsed(of: TypeAdapter[_T], raw: bytes | str | None) -> _T | None:
    if raw is None:
        return None
    try:
        return of.validate_json(raw)
    except ValidationError as error:
        # Another release tells something else.
        _log.warning("gauges_unreadable", problems=error.error_count())
        return None
