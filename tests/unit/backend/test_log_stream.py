"""A log holds nobody up."""

import errno
import io
import threading

from backend.bootstrap.log_stream import LogStream


class Stuck(io.StringIO):
    """Takes nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def write(self, text: str) -> int:
        self.let_go.wait()
        return super().write(text)


class Full(io.StringIO):
    """Has no room for the first line."""

    refusals = 1

    def write(self, text: str) -> int:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENOSPC, "no space left")
        return super().write(text)


def test_lines_come_in_order() -> None:
    file = io.StringIO()
    log = LogStream(file)
    for number in range(100):
        log.write(f"{number}\n")
    log.flush(within_s=30)
    assert file.getvalue().split() == [str(number) for number in range(100)]


def test_nobody_waits_for_a_reader_that_does_not_read_and_memory_is_bounded() -> None:
    file = Stuck()
    log = LogStream(file, lines_max=10)
    for number in range(1000):
        log.write(f"{number}\n")
    file.let_go.set()
    log.flush(within_s=30)
    # One may be with the writer, ten wait.
    assert 10 <= len(file.getvalue().split()) <= 11


def test_what_finds_no_room_is_dropped_and_the_next_line_written() -> None:
    file = Full()
    log = LogStream(file)
    log.write("lost\n")
    log.write("kept\n")
    log.flush(within_s=30)
    assert file.getvalue() == "kept\n"
