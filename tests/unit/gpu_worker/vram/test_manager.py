"""The books of the device's memory balance after any history."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gpu_worker.state import OutOfMemory
from gpu_worker.vram import manager as manager_module
from gpu_worker.vram.budget import Budget
from gpu_worker.vram.manager import Keep, VramManager

USABLE = 100
NAMES = [f"part-{number}" for number in range(8)]


def a_manager(clock: Callable[[], float] = lambda: 0.0) -> VramManager:
    return VramManager(budget=Budget(device_bytes=USABLE, reserved_bytes=0), clock=clock)


class AnyHistory(RuleBasedStateMachine):
    """Takes, holds, releases and evicts at random, beside books of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.manager = a_manager(clock=lambda: self.now_s)
        self.in_memory: dict[str, int] = {}  # what really lies there, by its own word
        self.open: list[tuple[str, ExitStack]] = []
        self.pinned: set[str] = set()

    def _hold(self, name: str, size: int, *, stays: bool, is_pinned: bool) -> ExitStack | None:
        size = self.in_memory.get(name, size)
        keep = Keep(
            drop=lambda: self._dropped(name), reload_s=1.0 + NAMES.index(name), is_pinned=is_pinned
        )
        stack = ExitStack()
        before = dict(self.in_memory)
        try:
            was_there = stack.enter_context(
                self.manager.hold(name, size, keep=keep if stays else None)
            )
        except OutOfMemory:
            assert self.in_memory == before, "a refusal evicted somebody"
            held = sum(self.in_memory[one] for one in {name for name, _ in self.open})
            fixed = held + sum(
                self.in_memory[one] for one in self.pinned - {name for name, _ in self.open}
            )
            assert fixed + size > USABLE, "refused, though there was room"
            return None
        assert was_there == (name in self.in_memory)
        if not was_there:
            self.in_memory[name] = size
            if stays and is_pinned:
                self.pinned.add(name)
            if not stays:
                stack.callback(lambda: self.in_memory.pop(name))
        return stack

    def _dropped(self, name: str) -> None:
        assert name not in {one for one, _ in self.open}, "what is held was evicted"
        del self.in_memory[name]
        self.pinned.discard(name)

    @rule(
        name=st.sampled_from(NAMES[:4]),
        size=st.integers(0, 70),
        is_pinned=st.booleans(),
    )
    def begin(self, name: str, size: int, *, is_pinned: bool) -> None:
        stack = self._hold(name, size, stays=True, is_pinned=is_pinned)
        if stack is not None:
            self.open.append((name, stack))

    @rule(name=st.sampled_from(NAMES[4:]), size=st.integers(0, 70))
    def begin_briefly(self, name: str, size: int) -> None:
        if name in {one for one, _ in self.open}:
            return
        stack = self._hold(name, size, stays=False, is_pinned=False)
        if stack is not None:
            self.open.append((name, stack))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 20))
    def end(self, which: int) -> None:
        _, stack = self.open.pop(which % len(self.open))
        stack.close()

    def teardown(self) -> None:
        while self.open:
            self.end(0)
        assert self.manager.look().held_bytes == 0

    @rule(size=st.integers(0, 120))
    def make_room(self, size: int) -> None:
        before = dict(self.in_memory)
        if self.manager.make_room(size):
            assert sum(self.in_memory.values()) + size <= USABLE
        else:
            assert self.in_memory == before

    @rule()
    def evict_all(self) -> None:
        held = {name for name, _ in self.open}
        self.manager.evict_all()
        assert set(self.in_memory) == held

    @rule(passed_s=st.floats(0, 5000))
    def wait(self, passed_s: float) -> None:
        self.now_s += passed_s

    @invariant()
    def the_books_say_what_is_there(self) -> None:
        use = self.manager.look()
        assert {one.name: one.size_bytes for one in use.residents} == self.in_memory
        assert use.used_bytes == sum(self.in_memory.values()) <= USABLE
        held = {name for name, _ in self.open}
        assert use.held_bytes == sum(self.in_memory[name] for name in held)
        assert {one.name for one in use.residents if one.is_held} == held


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_what_is_kept_is_there_the_next_time():
    manager = a_manager()
    keep = Keep(drop=lambda: None, reload_s=1.0)
    with manager.hold("canny", 60, keep=keep) as was_there:
        assert not was_there
    with manager.hold("canny", 60, keep=keep) as was_there:
        assert was_there


def test_what_is_not_kept_gives_its_bytes_back_even_if_the_block_fails():
    manager = a_manager()
    with pytest.raises(ValueError, match="nonsense"), manager.hold("a step", 60):
        raise ValueError("nonsense")
    assert manager.look().used_bytes == 0


def test_what_could_not_be_loaded_does_not_stay():
    manager, dropped = a_manager(), list[str]()
    keep = Keep(drop=lambda: dropped.append("canny"), reload_s=1.0)
    with pytest.raises(ValueError, match="broken"), manager.hold("canny", 60, keep=keep):
        raise ValueError("broken")
    assert not manager.has("canny")
    assert dropped == ["canny"]


def test_a_failed_use_does_not_spoil_what_was_there_before():
    manager, dropped = a_manager(), list[str]()
    keep = Keep(drop=lambda: dropped.append("canny"), reload_s=1.0)
    with manager.hold("canny", 60, keep=keep):
        pass
    with pytest.raises(ValueError, match="a step"), manager.hold("canny", 60, keep=keep):
        raise ValueError("a step")
    assert manager.has("canny")
    assert dropped == []


def test_the_used_stays_and_the_forgotten_leaves():
    now_s = 0.0
    manager = a_manager(clock=lambda: now_s)
    for name in ("old", "new"):
        with manager.hold(name, 40, keep=Keep(drop=lambda: None, reload_s=1.0)):
            now_s += 3600
    with manager.hold("third", 40, keep=Keep(drop=lambda: None, reload_s=1.0)):
        assert (manager.has("old"), manager.has("new")) == (False, True)


def test_what_is_expected_stays_though_it_was_not_used_of_late():
    now_s = 0.0
    manager = VramManager(
        budget=Budget(device_bytes=USABLE, reserved_bytes=0),
        clock=lambda: now_s,
        expect_uses=lambda name: 50.0 if name == "old" else 0.0,
    )
    for name in ("old", "new"):
        with manager.hold(name, 40, keep=Keep(drop=lambda: None, reload_s=1.0)):
            now_s += 3600
    with manager.hold("third", 40):
        assert (manager.has("old"), manager.has("new")) == (True, False)


def test_a_refusal_says_what_is_needed_and_what_can_be_had():
    gib = 2**30
    manager = VramManager(budget=Budget(device_bytes=10 * gib, reserved_bytes=2 * gib))
    with manager.hold("the model", 5 * gib):
        with pytest.raises(OutOfMemory, match=r"needs 4\.0 GiB of memory, and 3\.0 GiB"):
            manager.admit(4 * gib)
        manager.admit(3 * gib)
        assert manager.look().refusals == 1


def test_the_least_used_names_are_forgotten_at_last(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(manager_module, "MOST_REMEMBERED", 3)
    manager = a_manager()
    for name in ("a", "a", "b", "c", "d", "e"):
        with manager.hold(name, 1):
            pass
    assert len(manager._uses) == 3
    assert "a" in manager._uses


def test_other_bytes_under_the_same_name_are_a_bug():
    manager = a_manager()
    with manager.hold("a", 10), pytest.raises(ValueError, match="other bytes"):
        manager.hold("a", 11).__enter__()
