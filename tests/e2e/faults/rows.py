"""The table of faults: for each what shows that it costs nothing, or why nothing does yet.

`bench/faults.md` is this table; the tests named here carry the mark `fault`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_FAULTS = "tests/e2e/faults"
_WORKERS = f"{_FAULTS}/test_workers.py"
_BROKER = f"{_FAULTS}/test_broker.py"
_DATABASE = f"{_FAULTS}/test_database.py"
_STORAGE = f"{_FAULTS}/test_storage.py"
_DISPATCHERS = f"{_FAULTS}/test_dispatchers.py"
_SURFACES = f"{_FAULTS}/test_surfaces.py"
_REPORTS = "tests/integration/gpu_worker/test_reports.py"
_PROCESS = "tests/integration/gpu_worker/test_worker_process.py"
_MODELS = "tests/integration/gpu_worker/test_models.py"
_HEALTH = "tests/integration/gpu_worker/test_health.py"
_DELIVERIES = "tests/integration/bot/test_deliveries.py"
_DOORS = "tests/integration/devcord/test_doors.py"
_FLOOR = "tests/integration/dispatch"
_JOBS = "tests/contract/db/test_job_store.py"
_SESSIONS = "tests/integration/db/test_sessions.py"
_MARKING = "tests/unit/gpu_worker/test_marking.py"
_RELEASE = "tests/unit/gpu_worker/test_release.py"
_FAIR = "tests/unit/backend/scheduling/test_fair_queue.py"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault; `note` says what a reader of the result must know, or why there is no test."""

    number: int
    fault: str
    tests: tuple[str, ...] = ()
    note: str = ""


ROWS: Final = (
    Row(
        number=1,
        fault="worker killed at each stage",
        tests=(
            f"{_WORKERS}::test_a_worker_killed_at_any_stage_costs_one_attempt_and_no_pixel",
            f"{_WORKERS}::test_a_worker_killed_while_it_stores_leaves_no_half_picture",
            f"{_WORKERS}::test_a_worker_killed_when_it_has_reported_costs_nothing",
        ),
        note="the sleeping engine has no decoder: its last step stands for it",
    ),
    Row(
        number=2,
        fault="worker's child killed for memory",
        tests=(f"{_WORKERS}::test_a_worker_killed_at_any_stage_costs_one_attempt_and_no_pixel",),
        note="a worker is one process without children",
    ),
    Row(
        number=3,
        fault="out of memory on the device",
        tests=(
            f"{_REPORTS}::test_out_of_memory_is_told_and_the_next_job_is_drawn",
            "tests/unit/backend/service/test_reports.py"
            "::test_a_failure_that_is_always_retryable_ends_after_three_attempts",
        ),
        note="three attempts, where the table asks for two",
    ),
    Row(
        number=4,
        fault="poison job kills every worker",
        tests=(f"{_WORKERS}::test_a_job_that_kills_every_worker_ends_failed_and_hurts_no_other",),
    ),
    Row(
        number=5,
        fault="spot notice: SIGTERM, then SIGKILL",
        tests=(
            f"{_WORKERS}::test_a_notice_moves_a_job_that_is_longer_than_the_notice",
            f"{_WORKERS}::test_a_notice_lets_a_short_job_end",
        ),
    ),
    Row(
        number=6,
        fault="worker hangs and wakes",
        tests=(f"{_WORKERS}::test_a_worker_that_wakes_too_late_is_not_listened_to",),
    ),
    Row(
        number=7,
        fault="worker loses the broker",
        tests=(
            f"{_WORKERS}::test_a_worker_cut_off_from_the_broker_loses_its_job_to_another_and_comes_back",
            f"{_WORKERS}::test_a_short_silence_of_the_broker_costs_no_attempt",
        ),
        note="a worker has no link to the database",
    ),
    Row(
        number=8,
        fault="model missing or corrupt",
        tests=(
            f"{_MODELS}::test_a_missing_folder_is_told",
            f"{_MODELS}::test_a_truncated_file_is_named_and_a_repaired_folder_is_drawn_with",
            f"{_HEALTH}::test_a_worker_without_a_model_leaves_the_jobs_to_one_that_has_it",
        ),
        note="fails clearly where no other worker of the family serves",
    ),
    Row(
        number=9,
        fault="broker restarts with its log",
        tests=(f"{_BROKER}::test_a_broker_that_restarts_with_its_log_costs_no_job",),
    ),
    Row(
        number=10,
        fault="broker wiped, or restarts empty",
        tests=(
            f"{_BROKER}::test_a_wiped_broker_costs_no_job",
            f"{_BROKER}::test_a_broker_that_comes_back_empty_costs_no_job",
        ),
    ),
    Row(
        number=11,
        fault="broker down",
        tests=(
            f"{_BROKER}::test_while_the_broker_is_away_requests_are_accepted_and_wait",
            f"{_SURFACES}::test_a_bot_without_a_broker_still_answers_and_keeps_its_word",
        ),
    ),
    Row(
        number=12,
        fault="broker full, read-only, slow, silent",
        tests=(
            f"{_BROKER}::test_a_broker_that_takes_no_writes_costs_no_job",
            f"{_BROKER}::test_a_slow_broker_makes_everything_slower_and_nothing_wrong",
            f"{_BROKER}::test_a_broker_that_says_nothing_hangs_no_request",
            f"{_BROKER}::test_links_that_the_broker_ends_are_made_anew",
        ),
    ),
    Row(
        number=13,
        fault="database restarts, fast and immediate",
        tests=(f"{_DATABASE}::test_a_database_that_restarts_costs_no_job_and_refuses_honestly",),
    ),
    Row(
        number=14,
        fault="database down, full of connections, locked",
        tests=(
            f"{_DATABASE}::test_nothing_is_accepted_without_a_row",
            f"{_DATABASE}::test_when_every_connection_is_taken_requests_are_refused_and_later_served",
            f"{_DATABASE}::test_a_locked_table_only_makes_people_wait",
            f"{_SURFACES}::test_a_bot_without_a_database_says_so_and_works_again_afterwards",
        ),
    ),
    Row(
        number=15,
        fault="commit succeeds, answer lost",
        tests=(f"{_DATABASE}::test_an_answer_lost_after_the_commit_makes_no_second_job",),
    ),
    Row(
        number=16,
        fault="disk full",
        tests=(
            f"{_SESSIONS}::test_a_full_disk_is_unavailable_and_changes_nothing",
            f"{_REPORTS}::test_a_full_disk_is_told",
            f"{_SURFACES}::test_a_log_that_takes_nothing_stops_no_gateway",
        ),
    ),
    Row(
        number=17,
        fault="store answers 503 now and then",
        tests=(f"{_STORAGE}::test_a_store_that_refuses_a_third_of_all_writes_costs_no_job",),
    ),
    Row(
        number=18,
        fault="store hangs, or cuts off",
        tests=(
            f"{_STORAGE}::test_a_store_that_hangs_and_then_hangs_up_is_asked_again",
            f"{_STORAGE}::test_a_worker_cut_off_from_the_store_for_a_while_costs_no_job",
        ),
    ),
    Row(
        number=19,
        fault="store's answer lost after a write",
        tests=(f"{_STORAGE}::test_a_lost_answer_of_the_store_makes_no_second_object",),
    ),
    Row(
        number=20,
        fault="store refuses us, or has no bucket",
        tests=(
            f"{_STORAGE}::test_while_the_store_is_shut_drawn_pictures_are_held_and_no_attempt_is_lost",
            f"{_STORAGE}::test_a_job_that_is_cancelled_while_its_pictures_are_held_frees_the_worker",
            f"{_RELEASE}::test_a_store_that_stays_away_is_given_up_in_the_end",
        ),
    ),
    Row(
        number=21,
        fault="no picture check is there",
        tests=(f"{_RELEASE}::test_without_any_check_nothing_leaves",),
    ),
    Row(
        number=22,
        fault="picture check hangs, raises, answers nonsense",
        tests=(
            f"{_RELEASE}::test_a_check_that_hangs_blocks",
            f"{_RELEASE}::test_a_check_that_fails_blocks",
            "tests/unit/safety/test_screen_image.py"
            "::test_a_score_that_is_no_probability_blocks_whatever_the_check_made_of_it",
        ),
    ),
    Row(
        number=23,
        fault="picture changed after its check",
        tests=(f"{_RELEASE}::test_every_picture_is_looked_at_as_it_leaves",),
    ),
    Row(number=24, fault="hash bank empty or stale", note="hash lists come with the safety issue"),
    Row(
        number=25,
        fault="one message several times at once",
        tests=(
            f"{_PROCESS}::test_a_message_delivered_twice_is_drawn_once",
            f"{_FLOOR}/test_dispatching.py::test_the_same_reports_twice_deliver_once",
        ),
    ),
    Row(
        number=26,
        fault="cancelled before, during and after",
        tests=(
            f"{_PROCESS}::test_a_job_cancelled_before_it_began_takes_no_step",
            f"{_PROCESS}::test_a_cancelled_job_stops_within_a_step_and_the_next_one_is_drawn",
            "tests/integration/gateway/test_generations.py"
            "::test_a_delivered_job_cannot_be_cancelled",
        ),
    ),
    Row(
        number=27,
        fault="one idempotency key again and again",
        tests=(
            "tests/integration/gateway/test_over_sql.py"
            "::test_retries_at_the_same_moment_make_one_job",
            "tests/integration/gateway/test_generations.py"
            "::test_an_idempotency_key_with_another_body_is_refused",
        ),
    ),
    Row(
        number=28,
        fault="bot killed in mid-job",
        tests=(
            f"{_SURFACES}::test_a_bot_killed_in_mid_job_edits_its_message_when_it_is_back",
            f"{_DELIVERIES}::test_what_happened_while_no_bot_ran_is_shown_on_start",
        ),
    ),
    Row(
        number=29,
        fault="interaction tokens expired",
        tests=(
            f"{_DELIVERIES}::test_after_fourteen_minutes_the_bot_edits_with_its_own_token",
            f"{_DELIVERIES}::test_a_token_that_died_early_is_worked_around",
            f"{_DELIVERIES}::test_pictures_from_a_closed_channel_come_as_a_direct_message",
        ),
    ),
    Row(
        number=30,
        fault="Discord refuses: 429, 500, 10008, 50001, 50013, 50027",
        tests=(
            f"{_DOORS}::test_a_sixth_message_within_five_seconds_is_told_to_wait",
            f"{_DELIVERIES}::test_a_server_error_is_tried_again_by_the_sweep",
            f"{_DELIVERIES}::test_pictures_whose_message_was_deleted_come_in_a_new_one",
            f"{_DELIVERIES}::test_where_no_way_is_left_the_job_is_let_go",
            f"{_DELIVERIES}::test_what_discord_will_never_accept_is_not_tried_for_ever",
        ),
    ),
    Row(
        number=31,
        fault="Discord's gateway ends a session",
        tests=(f"{_DOORS}::test_a_resumed_session_has_to_log_in_anew",),
        note="op 7, zombie sockets and fatal codes are discord.py's own",
    ),
    Row(
        number=32,
        fault="upload too large for Discord",
        tests=(f"{_DELIVERIES}::test_a_grid_too_large_comes_smaller_then_as_links",),
    ),
    Row(
        number=33,
        fault="two bots, two dispatchers",
        tests=(
            f"{_DISPATCHERS}::test_a_leader_that_wakes_beside_its_successor_sends_nothing_twice",
            f"{_FLOOR}/test_leadership.py::test_two_leaders_for_a_moment_send_a_job_once",
            f"{_SURFACES}::test_two_bots_by_mistake_make_one_job_and_one_message",
        ),
    ),
    Row(number=34, fault="webhook sink down", note="webhooks come with a later issue"),
    Row(number=35, fault="webhook slow or endless", note="webhooks come with a later issue"),
    Row(number=36, fault="webhook redirects inside", note="webhooks come with a later issue"),
    Row(
        number=37,
        fault="a host's clock an hour off",
        tests=(
            f"{_DISPATCHERS}::test_a_leader_with_a_wrong_clock_takes_no_job_away_and_forgets_none",
            "tests/integration/db/test_clock.py"
            "::test_it_tells_the_databases_time_and_carries_it_on",
        ),
        note="leases go by the database's clock; links and stamps are the gateway's own",
    ),
    Row(number=38, fault="huge upload", note="uploads come with a later issue"),
    Row(
        number=39,
        fault="malformed bodies",
        tests=(
            "tests/integration/gateway/test_refusals.py::test_no_body_breaks_the_gateway",
            "tests/integration/gateway/test_refusals.py::test_no_bytes_break_the_gateway",
        ),
    ),
    Row(number=40, fault="slowloris", note="comes with the API issue"),
    Row(
        number=41,
        fault="flood of requests",
        tests=(f"{_SURFACES}::test_a_flood_is_taken_or_refused_and_all_that_is_taken_ends",),
    ),
    Row(
        number=42,
        fault="turbo for ever: does relax starve",
        tests=(
            f"{_FAIR}::test_with_reserves_and_promotion_everything_backlogged_is_60_30_10",
            f"{_FAIR}::test_an_overdue_job_is_promoted_and_charged_to_its_own_tier",
        ),
    ),
    Row(
        number=43,
        fault="rolling restart",
        tests=(f"{_SURFACES}::test_a_rolling_restart_costs_no_job",),
    ),
    Row(
        number=44,
        fault="partition: gateway or dispatcher and database, worker and store",
        tests=(
            f"{_DATABASE}::test_a_database_that_says_nothing_hangs_no_request",
            f"{_DATABASE}::test_a_dispatcher_cut_off_from_the_database_costs_no_job",
            f"{_STORAGE}::test_a_worker_cut_off_from_the_store_for_a_while_costs_no_job",
        ),
    ),
    Row(
        number=45,
        fault="killed between hold and sending, delivery and its acknowledgement",
        tests=(
            f"{_DISPATCHERS}::test_a_gateway_killed_right_after_its_commit_has_accepted_the_job",
            f"{_DISPATCHERS}::test_a_dispatcher_killed_between_two_moments_costs_no_job",
        ),
        note="hold and job, delivery and charge are each one transaction",
    ),
    Row(number=46, fault="audit store away", note="comes with the safety issue"),
    Row(
        number=47,
        fault="signing key missing, expired or wrong",
        tests=(
            f"{_MARKING}::test_without_a_usable_key_nothing_leaves_and_the_worker_says_so",
            f"{_MARKING}::test_what_cannot_be_marked_is_held_and_nothing_is_stored",
            f"{_REPORTS}::test_a_worker_that_cannot_sign_holds_its_job_and_rests_until_it_can",
        ),
    ),
    Row(number=48, fault="yesterday's backup restored", note="comes with operations"),
    Row(number=49, fault="account deleted in mid-job", note="deletion comes with accounts"),
    Row(
        number=50,
        fault="log not read",
        tests=(f"{_SURFACES}::test_a_log_that_takes_nothing_stops_no_gateway",),
        note="gateway, dispatcher and bot; a worker's log still blocks it",
    ),
)


def named() -> frozenset[str]:
    """Return the ids of every test that the table names."""
    return frozenset(test for row in ROWS for test in row.tests)


def as_markdown() -> str:
    """Return the table as it stands in `bench/faults.md`."""
    lines = ["| row | fault | shown by | note |", "|---|---|---|---|"]
    for row in ROWS:
        shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in row.tests) or "none"
        lines.append(f"| {row.number} | {row.fault} | {shown} | {row.note} |")
    return "\n".join(lines)


def as_results(outcomes: Mapping[str, str]) -> list[str]:
    """Return one line a row, given what became of each test that ran."""
    lines = []
    for row in ROWS:
        ran = [outcomes[test] for test in row.tests if test in outcomes]
        result = next((bad for bad in ("failed", "skipped") if bad in ran), "passed")
        told = result if ran else "not run" if row.tests else "no test"
        lines.append(f"{row.number:>3}  {told:8} {len(ran)}/{len(row.tests)}  {row.fault}")
    return lines
