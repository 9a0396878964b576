"""The use cases over in-memory twins, for tests of the surfaces and of the use cases themselves."""

from collections.abc import Callable, Sequence

from backend.domain.child_safety import FreezeRules
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job
from backend.domain.requests import AccountId, GenerationRequest
from backend.domain.results import GenerationResult
from backend.prompt.interpreter import Interpret
from backend.prompt.judging import PromptScreen, PromptVerdict
from backend.service.accounts import Accounts
from backend.service.child_safety import ChildSafety
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet
from backend.service.generations import Generations
from backend.service.guild_policies import PolicyDesk
from backend.service.moderation_ports import ReviewStore
from backend.service.moderators import Moderators
from backend.service.named_pictures import PictureLinks
from backend.service.policies import Everywhere, Policies
from backend.service.ports import Clock, JobStore, KeyStore, Pictures
from backend.service.predictions import Predictions
from backend.service.reader import Reader
from backend.service.services import Moderation, Services
from safety.hash_list import HashList
from storage.object_store import ObjectStore
from storage.object_stores.memory import MemoryObjectStore
from tests.builders import at
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.child_safety import MemorySafetyReportStore
from tests.fakes.events import (
    MemoryCancelFlags,
    MemoryEventBus,
    MemoryOutbox,
    MemoryOutlooks,
    MemoryPictures,
    MemoryPresence,
    MemoryPreviews,
)
from tests.fakes.explaining import make_explanations, make_preferences
from tests.fakes.marks import RememberedMark
from tests.fakes.moderating import make_files, make_moderation
from tests.fakes.moderation import MemoryStandingStore, make_moderators, make_standings
from tests.fakes.policies import make_policies
from tests.fakes.provenance import make_provenance
from tests.fakes.stores import (
    Memory,
    MemoryBooks,
    MemoryJobStore,
    MemoryKeyStore,
    MemoryMessageStore,
    MemoryQueueDocuments,
)
from tests.fakes.uploads import Darkroom

# Who may set guilds' policies over REST in tests.
POLICY_EDITOR = AccountId("api:policy-editor")


def block_forbidden(text: str) -> PromptVerdict:
    """Block any text with the word forbidden; the real screen has tests of its own."""
    if "forbidden" in text:
        return PromptVerdict(outcome="block", category="violence_gore", rule="test")
    return PromptVerdict(outcome="allow")


class FakeWorkshop:
    """A whole workshop in memory, but for what it is given; `seconds` moves its own clock."""

    def __init__(
        self,
        *,
        interpret: Interpret | None = None,
        links: PictureLinks | None = None,
        screen: PromptScreen = block_forbidden,
        watermark: RememberedMark | None = None,
        clock: Clock | None = None,
        seconds: Callable[[], float] | None = None,
        jobs: JobStore | None = None,
        reviews: ReviewStore | None = None,
        keys: KeyStore | None = None,
        objects: ObjectStore | None = None,
        pictures: Pictures | None = None,
        freezes: FreezeRules | None = None,
        hash_lists: Sequence[HashList] = (),
        policies: Policies | None = None,
    ) -> None:
        self.seconds = 0.0
        self.clock = clock or self.now
        self._open_twins(jobs=jobs, pictures=pictures, objects=objects, policies=policies)
        self.fleet = Fleet(
            presence=self.presence,
            families=(ModelFamily.SDXL,),
            seconds=seconds or (lambda: self.seconds),
        )
        self.standings = make_standings(
            memory=self.memory, flags=self.cancel_flags, outbox=self.outbox, clock=self.clock
        )
        self._open_darkroom(links=links, objects=objects, freezes=freezes)
        self.services = Services(
            generations=self._generations(interpret, screen),
            explanations=self._explanations(interpret, screen),
            moderation=self._moderation(reviews, hash_lists),
            accounts=self._accounts(keys or MemoryKeyStore()),
            provenance=make_provenance(self.memory, watermark),
            policies=PolicyDesk(
                policies=self.policies, moderators=self._moderators(), editors=[POLICY_EDITOR]
            ),
            uploads=self.darkroom.uploads,
            messages=self.messages,
            events=self.events,
            fleet=self.fleet,
            preferences=self._preferences,
        )

    def _open_twins(
        self,
        *,
        jobs: JobStore | None,
        pictures: Pictures | None,
        objects: ObjectStore | None,
        policies: Policies | None,
    ) -> None:
        """Open what keeps things and carries word, in memory but for what is given."""
        self.memory = Memory()
        self.jobs = jobs or MemoryJobStore(memory=self.memory)
        self.books = MemoryBooks(memory=self.memory)
        self.audit = MemoryAuditLog(memory=self.memory)
        self.events = MemoryEventBus()
        self.outbox = MemoryOutbox(jobs=self.jobs, bus=self.events)
        self.cancel_flags = MemoryCancelFlags()
        self.outlooks = MemoryOutlooks()
        self.documents = MemoryQueueDocuments()
        self.pictures = pictures or MemoryPictures()
        self.objects = objects or MemoryObjectStore()
        self.previews = MemoryPreviews()
        self.messages = MemoryMessageStore()
        self.presence = MemoryPresence(ModelFamily.SDXL)
        self.policies = policies or make_policies()
        self._preferences = make_preferences()

    def _open_darkroom(
        self,
        *,
        links: PictureLinks | None,
        objects: ObjectStore | None,
        freezes: FreezeRules | None,
    ) -> None:
        self.child_safety = ChildSafety(
            store=MemorySafetyReportStore(memory=self.memory),
            standings=self.standings,
            audit=self.audit,
            clock=self.clock,
            rules=freezes,
        )
        self.darkroom = Darkroom(
            jobs=self.jobs,
            clock=self.clock,
            objects=objects,
            standings=self.standings,
            audit=self.audit,
            links=links,
            child_safety=self.child_safety,
            policies=self.policies,
        )

    def _moderators(self) -> Moderators:
        return make_moderators(memory=self.memory, clock=self.clock)

    def _generations(self, interpret: Interpret | None, screen: PromptScreen) -> Generations:
        return Generations(
            jobs=self.jobs,
            pictures=self.pictures,
            reader=Reader(
                screens=Everywhere(screen),
                fleet=self.fleet,
                interpret=interpret,
                preferences=self._preferences,
                given=self.darkroom.given,
                named=self.darkroom.named,
            ),
            previews=self.previews,
            cancel_flags=self.cancel_flags,
            outbox=self.outbox,
            outlooks=self.outlooks,
            predictions=Predictions(documents=self.documents),
            fleet=self.fleet,
            standings=self.standings,
            moderators=self._moderators(),
            child_safety=self.child_safety,
            audit=self.audit,
            clock=self.clock,
        )

    def _explanations(self, interpret: Interpret | None, screen: PromptScreen) -> Explanations:
        return make_explanations(
            screen=screen,
            fleet=self.fleet,
            interpret=interpret,
            preferences=self._preferences,
            given=self.darkroom.given,
            named=self.darkroom.named,
            documents=self.documents,
        )

    def _moderation(
        self, reviews: ReviewStore | None, hash_lists: Sequence[HashList]
    ) -> Moderation:
        return make_moderation(
            memory=self.memory,
            jobs=self.jobs,
            standings=self.standings,
            outbox=self.outbox,
            reviews=reviews,
            messages=self.messages,
            files=make_files(self.objects, clock=self.clock),
            pictures=self.pictures,
            previews=self.previews,
            hash_lists=hash_lists,
            clock=self.clock,
        )

    def _accounts(self, keys: KeyStore) -> Accounts:
        return Accounts(
            keys=keys,
            jobs=self.jobs,
            books=self.books,
            standings=MemoryStandingStore(memory=self.memory),
            clock=self.clock,
        )

    def now(self):
        """Return the time; every look moves it on, so that no two jobs are born at once."""
        self.seconds += 0.001
        return at(self.seconds)

    async def deliver(self, request: GenerationRequest, result: GenerationResult) -> Job:
        """Submit a request and deliver its pictures as a worker would."""
        job = (await self.services.generations.submit(request)).job
        until = at(self.seconds + 60)
        await self.jobs.change(job.id, lambda row: row.dispatch(now=self.now(), until=until))
        await self.jobs.change(
            job.id,
            lambda row: row.start(attempt=row.attempt, worker="w", now=self.now(), until=until),
        )
        delivered = await self.jobs.change(
            job.id, lambda row: row.deliver(attempt=row.attempt, result=result, now=self.now())
        )
        assert delivered is not None
        await self.outbox.publish_pending()
        return delivered
