"""Opens what a drill needs beside its processes."""

from collections.abc import Callable

from backend.bootstrap.accounts import open_accounts
from backend.bootstrap.servers import now, open_bus, open_database, open_redis
from backend.cli.drill.clients import Clients, open_session, run_name
from backend.cli.drill.crew import Crew
from backend.cli.drill.outcome import Outcome
from backend.cli.drill.plan import ACCOUNTS, Plan
from backend.cli.drill.rounds import Rounds
from backend.db.audit import SqlAudit
from backend.db.stores import SqlMessageStore
from backend.settings import Settings


async def drill(
    *, plan: Plan, crew: Crew, settings: Settings, show: Callable[[str], None]
) -> Outcome:
    """Open what a drill needs beside its processes, and run it."""
    keys = [await _make_key(settings, f"drill-{number}") for number in range(ACCOUNTS)]
    control = None if crew.discord is None else str(crew.discord["control"])
    async with (
        open_database(settings) as database,
        open_redis(settings) as redis,
        open_session() as session,
    ):
        audit = SqlAudit(database=database)
        clients = Clients(
            session=session,
            gateway_url=settings.public_url,
            control_url=control,
            keys=keys,
            run=run_name(),
            find_by_seed=audit.find_by_seed,
        )
        rounds = Rounds(
            plan=plan,
            crew=crew,
            audit=audit,
            clients=clients,
            messages=SqlMessageStore(database=database),
            bus=open_bus(redis),
            clock=now,
            show=show,
        )
        return await rounds.run()


async def _make_key(settings: Settings, name: str) -> str:
    async with open_accounts(settings) as accounts:
        _, secret = await accounts.create_key(name)
        return secret
