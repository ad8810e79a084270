"""Showing how far each piece of work is: live bars in a terminal, and plain lines now and then elsewhere."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.progress import Task as RichTask
from rich.text import Text

PLAIN_EVERY_SECONDS = 30.0
RATE_OVER_SECONDS = 60.0


@dataclass
class Work:
    """A piece of work whose units are counted."""

    name: str
    unit: str
    total: int
    done: int
    note: str = ""
    printed: float = field(default_factory=time.monotonic)
    marks: deque[tuple[float, int]] = field(default_factory=deque)  # (time, units done), of the last RATE_OVER_SECONDS

    def advance(self, done: int, total: int, note: str) -> None:
        """Note how many units are done now."""
        self.done, self.total, self.note, now = done, total, note, time.monotonic()
        if len(self.marks) == 1 and self.marks[0][1] == done:
            self.marks.clear()  # the time until the first unit was done, such as a start of processes, is no part of the rate
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[0][0] > RATE_OVER_SECONDS:
            self.marks.popleft()

    @property
    def rate(self) -> float:
        """Units a second over the last RATE_OVER_SECONDS. Units that an earlier attempt did are not counted."""
        marks = list(self.marks)  # a copy, because the thread that draws reads this while another one appends
        if len(marks) < 2:
            return 0.0
        (begin, before), (end, after) = marks[0], marks[-1]
        return (after - before) / (end - begin) if end > begin else 0.0

    def line(self) -> str:
        """The state of the work in one line, as in `pretrain: 120 / 900 steps, 4.1 steps/s, 3m10s left, loss 5.2`."""
        parts = [f"{self.done:,} / {self.total:,} {self.unit}"]
        if self.rate > 0:
            parts.append(f"{_significant(self.rate)} {self.unit}/s")
            if self.done < self.total:
                parts.append(f"{duration((self.total - self.done) / self.rate)} left")
        if self.note:
            parts.append(self.note)
        return f"{self.name}: {', '.join(parts)}"


class Display:
    """Shows all work of a run on one console. It is a context manager and shows something only inside its block."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._bars = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(24), _Line(), console=console, transient=True
        )
        self._tasks: dict[str, tuple[Work, TaskID]] = {}

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self._bars.start()
        else:
            threading.Thread(target=self._remind, daemon=True, name="progress lines").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self.console.is_terminal:
            self._bars.stop()

    def say(self, text: str) -> None:
        """Print a line that stays on the console, above the bars."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def update(self, name: str, done: int, total: int, unit: str, note: str = "") -> None:
        """Say how far the work called `name` is. The first call for a name says how much an earlier attempt had done."""
        with self._lock:
            if name not in self._tasks:
                work = Work(name, unit, total, done)
                self._tasks[name] = (work, self._bars.add_task(name, total=total, work=work))
            work, task = self._tasks[name]
            work.advance(done, total, note)
            self._bars.update(task, completed=done, total=total)

    def _remind(self) -> None:
        """Print, where there is no terminal, a line for each piece of work every PLAIN_EVERY_SECONDS, even when nothing moves."""
        while not self._over.wait(1.0):
            with self._lock:
                for work, _ in self._tasks.values():
                    if time.monotonic() - work.printed >= PLAIN_EVERY_SECONDS:
                        work.printed = time.monotonic()
                        self.say(work.line())

    def finish(self, name: str) -> None:
        """Take the work called `name` off the display."""
        with self._lock:
            if name in self._tasks:
                self._bars.remove_task(self._tasks.pop(name)[1])


class _Line(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        work: Work = task.fields["work"]
        return Text(work.line().removeprefix(f"{work.name}: "), style="dim")


def duration(seconds: float) -> str:
    """A duration in words, as in `45s`, `3m10s` or `2h05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _significant(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
