"""The gauges of the lines in the words of Prometheus. Labels: families, tiers, states, kinds."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from backend.domain.reviews import Backlog
from backend.domain.tiers import Tier
from backend.domain.workers import WorkerState
from backend.scheduling.gauges import Board, FamilyGauges, TierGauges

TIER_LABELS: Final = ("family", "tier")
WITHIN_LABELS: Final = ("family", "tier", "within")

GAUGES: Final[Mapping[str, tuple[str, Callable[[TierGauges], float | None]]]] = {
    "impasto_queue_waiting": ("Jobs in line.", lambda t: t.waiting),
    "impasto_queue_handed_out": (
        "Jobs with a worker that has not begun them.",
        lambda t: t.handed_out,
    ),
    "impasto_queue_running": ("Jobs that are drawn.", lambda t: t.running),
    "impasto_queue_oldest_age_seconds": (
        "How long the first job in line has waited, 0 if none does.",
        lambda t: t.oldest_s,
    ),
    "impasto_queue_waiting_gpu_seconds": (
        "What the jobs in line will probably cost together.",
        lambda t: t.waiting_gpu_s,
    ),
    "impasto_queue_share_ratio": (
        "Share of the family's GPU-seconds of the last 5 minutes.",
        lambda t: t.share,
    ),
    "impasto_queue_due_share_ratio": (
        "Share that was due by the tiers' weights and reserves in the same time.",
        lambda t: t.due_share,
    ),
    "impasto_queue_jain_ratio": (
        "Jain's index of what accounts got of their due in the last 5 minutes, 1 is even.",
        lambda t: t.jain,
    ),
}
COUNTERS: Final[Mapping[str, tuple[str, Callable[[TierGauges], float]]]] = {
    "impasto_queue_begun": ("Jobs whose turn came.", lambda t: t.begun),
    "impasto_queue_promotions": ("Overdue jobs begun out of turn.", lambda t: t.promoted),
    "impasto_queue_served_gpu_seconds": ("GPU-seconds of ended jobs.", lambda t: t.ended_gpu_s),
    "impasto_queue_eta_told": (
        "Jobs begun that had been told when they would.",
        lambda t: t.told,
    ),
}

BACKLOG_GAUGES: Final[Mapping[str, tuple[str, Callable[[Backlog], float]]]] = {
    "impasto_reviews_open": ("What waits for moderators.", lambda one: one.open),
    "impasto_reviews_overdue": (
        "Appeals and requests for removal that should have been answered.",
        lambda one: one.overdue,
    ),
    "impasto_reviews_oldest_age_seconds": (
        "How long the first of them has waited, 0 if none does.",
        lambda one: one.oldest_s,
    ),
}


class BoardCollector(Collector):
    """Offers a board of gauges to Prometheus, and how the lists are that this gateway looks in."""

    def __init__(self, board: Board, list_states: Mapping[str, str]) -> None:
        self._board = board
        self._list_states = list_states

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "impasto_dispatcher_leader",
            "Whether a dispatcher leads.",
            value=float(self._board.is_led),
        )
        workers = GaugeMetricFamily("impasto_workers", "Live workers.", labels=("family",))
        for family, count in self._board.workers.items():
            workers.add_metric((family,), count)
        yield workers
        yield self._states()
        yield from self._families()
        for name, (text, gauge_of) in GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=TIER_LABELS)
            for labels, tier in self._tiers():
                if (value := gauge_of(tier)) is not None:
                    gauge.add_metric(labels, value)
            yield gauge
        for name, (text, count_of) in COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=TIER_LABELS)
            for labels, tier in self._tiers():
                counter.add_metric(labels, count_of(tier))
            yield counter
        yield from self._coverage()
        yield from self._backlog()
        yield self._lists()

    def _backlog(self) -> Iterator[Metric]:
        for name, (text, gauge_of) in BACKLOG_GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=("kind",))
            for kind in self._board.backlog:
                gauge.add_metric((kind.kind.value,), gauge_of(kind))
            yield gauge

    def _lists(self) -> Metric:
        usable = GaugeMetricFamily(
            "impasto_gateway_hash_list_usable",
            "Whether a list of known pictures can be looked in; nothing is taken in if one cannot.",
            labels=("list",),
        )
        for name, trouble in self._list_states.items():
            usable.add_metric((name,), float(not trouble))
        return usable

    def _states(self) -> Metric:
        states = GaugeMetricFamily(
            "impasto_worker_state", "Live workers by what they do.", labels=("family", "state")
        )
        for family in self._board.workers:
            counted = self._board.states.get(family, {})
            for state in WorkerState:
                states.add_metric((family.value, state.value), counted.get(state, 0))
        return states

    def _families(self) -> Iterator[Metric]:
        slots = GaugeMetricFamily(
            "impasto_worker_slots", "Jobs that live workers draw at once.", labels=("family",)
        )
        drain = GaugeMetricFamily(
            "impasto_queue_drain_seconds",
            "When all that waits and runs will be drawn if nobody comes; +Inf if nobody draws.",
            labels=("family",),
        )
        told = GaugeMetricFamily(
            "impasto_queue_told_timestamp_seconds",
            "When the dispatcher measured the family's line.",
            labels=("family",),
        )
        for family, gauges in self._board.families.items():
            slots.add_metric((family,), gauges.slots)
            drain.add_metric((family,), _drain_s(gauges))
            told.add_metric((family,), gauges.at_s)
        yield from (slots, drain, told)

    def _coverage(self) -> Iterator[Metric]:
        kept = CounterMetricFamily(
            "impasto_queue_eta_kept",
            "Jobs that began within the time they had been told, as likely or in nine of ten.",
            labels=WITHIN_LABELS,
        )
        coverage = GaugeMetricFamily(
            "impasto_queue_eta_coverage_ratio",
            "Share of the last jobs that began within the time they had been told.",
            labels=WITHIN_LABELS,
        )
        for labels, tier in self._tiers():
            kept.add_metric((*labels, "p50"), tier.kept_p50)
            kept.add_metric((*labels, "p90"), tier.kept_p90)
            for within, part in (("p50", tier.p50_coverage), ("p90", tier.p90_coverage)):
                if part is not None:
                    coverage.add_metric((*labels, within), part)
        yield from (kept, coverage)

    def _tiers(self) -> Iterator[tuple[tuple[str, str], TierGauges]]:
        for family, gauges in self._board.families.items():
            for tier in Tier:
                yield (family.value, tier.value), gauges.tiers.get(tier, TierGauges())


def _drain_s(gauges: FamilyGauges) -> float:
    return float("inf") if gauges.drain_s is None else gauges.drain_s


def expose(board: Board, list_states: Mapping[str, str], *, accept: str) -> tuple[bytes, str]:
    """Return the board, and how the lists of known pictures are here, and their content type.

    The format is that which an `Accept` header asks for.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BoardCollector(board, list_states))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
