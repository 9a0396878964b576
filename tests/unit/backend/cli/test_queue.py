"""The table of `impasto queue`."""

import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.cli import main
from backend.cli.queue_table import as_json, duration, table
from backend.cli.terminal import LiveScreen, may_style, painted
from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.domain.workers import WorkerState
from backend.scheduling.gauges import Board, FamilyGauges, TierGauges

NOW = datetime(2026, 11, 29, 21, 14, 3, tzinfo=UTC)
SDXL = FamilyGauges(
    at_s=NOW.timestamp() - 1,
    slots=2,
    drain_s=72.4,
    tiers={
        Tier.TURBO: TierGauges(
            waiting=3,
            handed_out=1,
            running=1,
            oldest_s=9.2,
            begun=412,
            ended_gpu_s=380.0,
            share=0.612,
            due_share=0.6,
            jain=0.984,
            told=10,
            p50_coverage=0.52,
            p90_coverage=0.9,
        ),
        Tier.FAST: TierGauges(waiting=7, handed_out=1, oldest_s=121, begun=9, promoted=1),
        Tier.RELAX: TierGauges(waiting=48_000, oldest_s=7_000, begun=99_999, ended_gpu_s=4e5),
    },
)
BOARD = Board(
    is_led=True,
    workers={ModelFamily.SDXL: 2, ModelFamily.SD3: 0, ModelFamily.FLUX: 1},
    families={
        ModelFamily.SDXL: SDXL,
        ModelFamily.SD3: FamilyGauges(at_s=NOW.timestamp()),
        ModelFamily.FLUX: FamilyGauges(at_s=NOW.timestamp(), slots=1, drain_s=0.0),
    },
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def test_the_table_shows_who_waits_and_how_they_are_served() -> None:
    at = f"{NOW.astimezone():%H:%M:%S}"
    assert (
        "\n".join(table(BOARD, now=NOW))
        == f"""\
Impasto at {at}: 3 workers, 3 slots.

sdxl: 48010 wait, 2 workers, 2 slots, all drawn in about 1m12s
        wait sent drawn oldest share  due  Jain  p50  p90 served begun promoted
turbo      3    1     1     9s   61%  60%  0.98  52%  90%  6m20s   412        0
fast       7    1     0  2m01s     -    -     -    -    -     0s     9        1
relax  48000    0     0  1h56m     -    -     -    -    -     4d 99999        0

flux: 0 wait, 1 worker, 1 slot
        wait sent drawn oldest share  due  Jain  p50  p90 served begun promoted
turbo      0    0     0      -     -    -     -    -    -     0s     0        0
fast       0    0     0      -     -    -     -    -    -     0s     0        0
relax      0    0     0      -     -    -     -    -    -     0s     0        0

sent: begins in a moment. share, due, Jain: of the last 5 minutes.
p50, p90: jobs that began in the time they were told. promoted: out of turn."""
    )


def test_no_line_is_wider_than_a_terminal() -> None:
    assert max(map(len, table(BOARD, now=NOW))) < 80


def test_what_an_operator_must_see_is_painted() -> None:
    waiting = FamilyGauges(at_s=NOW.timestamp(), drain_s=None, tiers=SDXL.tiers)
    board = Board(is_led=True, families={ModelFamily.SDXL: waiting})
    painted_lines = table(board, now=NOW, style=painted)
    assert "\x1b[1;31msdxl: 48010 wait, no worker is there\x1b[0m" in painted_lines
    # Fast promises two minutes, turbo nothing.
    [fast] = [line for line in painted_lines if line.startswith("fast")]
    assert "\x1b[33m  2m01s\x1b[0m" in fast
    [turbo] = [line for line in painted_lines if line.startswith("turbo")]
    assert "\x1b" not in turbo


def test_what_the_workers_do_stands_below_how_many_they_are() -> None:
    doing = {WorkerState.IDLE: 2, WorkerState.LOADING_ADAPTERS: 1, WorkerState.UNHEALTHY: 1}
    board = replace(BOARD, states={ModelFamily.SDXL: doing})
    lines = table(board, now=NOW)
    assert lines[3] == "workers: 1 unhealthy, 2 idle, 1 loading adapters"
    assert "\x1b[1;31m1 unhealthy\x1b[0m" in table(board, now=NOW, style=painted)[3]
    states = json.loads(as_json(board))["families"]["sdxl"]["states"]
    assert states == {"idle": 2, "loading_adapters": 1, "unhealthy": 1}


@pytest.mark.parametrize(
    ("board", "sentence"),
    [
        (Board(), "no dispatcher leads, and nobody knows what waits."),
        (Board(families=BOARD.families), "no dispatcher leads, and nothing is handed out."),
    ],
)
def test_a_missing_dispatcher_is_the_headline(board: Board, sentence: str) -> None:
    assert table(board, now=NOW)[0].endswith(sentence)


def test_figures_that_are_not_fresh_say_so() -> None:
    lines = table(BOARD, now=NOW + timedelta(seconds=11))
    assert any(line.endswith("1m12s (12s ago)") for line in lines)


def test_an_idle_installation_without_workers_says_so() -> None:
    families = {family: FamilyGauges(at_s=NOW.timestamp()) for family in ModelFamily}
    assert table(Board(is_led=True, families=families), now=NOW)[1:] == [
        "",
        "Nobody waits, and no worker is there.",
    ]


def test_programs_read_one_object_with_all_families() -> None:
    document = json.loads(
        as_json(
            Board(is_led=True, workers={ModelFamily.SDXL: 2}, families={ModelFamily.SDXL: SDXL})
        )
    )
    assert document["is_led"] is True
    assert document["families"]["flux"] == {"workers": 0, "states": {}}
    sdxl = document["families"]["sdxl"]
    assert (sdxl["workers"], sdxl["slots"], sdxl["drain_s"]) == (2, 2, 72.4)
    assert sdxl["tiers"]["turbo"]["share"] == 0.612
    assert sdxl["tiers"]["relax"]["jain"] is None


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1, "0s"),
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (359_999, "99h59m"),
        (360_000, "4d"),
    ],
)
def test_times_are_written_in_six_characters(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_a_pipe_gets_every_frame_and_no_control_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    pipe = io.StringIO()
    with LiveScreen(pipe) as screen:
        screen.show(["one"])
        screen.show(["two"])
        raise KeyboardInterrupt
    assert pipe.getvalue() == "one\n\ntwo\n\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_left_as_it_was_with_the_last_frame_below(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "2")
    monkeypatch.setenv("COLUMNS", "80")
    terminal = _Terminal()
    with LiveScreen(terminal) as screen:
        screen.show(["one", "two", "three"])
    assert terminal.getvalue() == (
        "\x1b[?1049h\x1b[?25l\x1b[?7l"
        "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J"
        "\x1b[?7h\x1b[?25h\x1b[?1049l"
        "one\ntwo\nthree\n"
    )


@pytest.mark.parametrize(
    ("env", "is_painted"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colours_are_for_terminals_whose_users_want_them(
    env: dict[str, str],
    is_painted: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert may_style(_Terminal()) is is_painted
    assert not may_style(io.StringIO())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "Nothing runs in {home}. Start it with `impasto up`"),
        ("redis://:geheim@127.0.0.1:1/0", "The server in IMPASTO_REDIS_URL does not answer."),
    ],
)
@pytest.mark.parametrize("options", [[], ["--once"], ["--json"]], ids=str)
def test_where_nothing_runs_a_sentence_says_so(
    url: str | None,
    words: str,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in os.environ if name.startswith("IMPASTO_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("IMPASTO_HOME", str(home))
    if url is not None:
        monkeypatch.setenv("IMPASTO_REDIS_URL", url)
    assert main(["queue", *options]) == 4
    captured = capsys.readouterr()
    told = captured.out if "--json" in options else captured.err
    assert words.format(home=home) in told
    assert "geheim" not in told
    # Looking makes nothing.
    assert not home.exists()
