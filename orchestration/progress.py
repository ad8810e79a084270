"""How far each piece of work is: done / total, rate and time left, live in a terminal, as plain lines elsewhere."""

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
    """One thing that is counted."""

    name: str
    unit: str
    total: int
    done: int
    note: str = ""
    printed: float = field(default_factory=time.monotonic)
    marks: deque[tuple[float, int]] = field(default_factory=deque)  # when how much was done, over the last while

    def advance(self, done: int, total: int, note: str) -> None:
        """Take note of how much is done now."""
        self.done, self.total, self.note, now = done, total, note, time.monotonic()
        if len(self.marks) == 1 and self.marks[0][1] == done:
            self.marks.clear()  # nothing done yet: the time until something was is not part of the rate
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[0][0] > RATE_OVER_SECONDS:
            self.marks.popleft()

    @property
    def rate(self) -> float:
        """Units a second over the last while; what was done before we came does not enter it."""
        marks = list(self.marks)  # a copy: the terminal's own thread draws while work advances
        if len(marks) < 2:
            return 0.0
        (begin, before), (end, after) = marks[0], marks[-1]
        return (after - before) / (end - begin) if end > begin else 0.0

    def line(self) -> str:
        """`pretrain: 120 / 900 steps, 4.1 steps/s, 3m10s left, loss 5.2`."""
        parts = [f"{self.done:,} / {self.total:,} {self.unit}"]
        if self.rate > 0:
            parts.append(f"{_significant(self.rate)} {self.unit}/s")
            if self.done < self.total:
                parts.append(f"{duration((self.total - self.done) / self.rate)} left")
        if self.note:
            parts.append(self.note)
        return f"{self.name}: {', '.join(parts)}"


class Display:
    """Shows all work of a run on one console; a context manager."""

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
        """Print a line that stays."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def update(self, name: str, done: int, total: int, unit: str, note: str = "") -> None:
        """Say how far `name` is; the first call for a name says what was found done."""
        with self._lock:
            if name not in self._tasks:
                work = Work(name, unit, total, done)
                self._tasks[name] = (work, self._bars.add_task(name, total=total, work=work))
            work, task = self._tasks[name]
            work.advance(done, total, note)
            self._bars.update(task, completed=done, total=total)

    def _remind(self) -> None:
        """Outside a terminal: a line for all work that goes on, now and then, also when nothing moves."""
        while not self._over.wait(1.0):
            with self._lock:
                for work, _ in self._tasks.values():
                    if time.monotonic() - work.printed >= PLAIN_EVERY_SECONDS:
                        work.printed = time.monotonic()
                        self.say(work.line())

    def finish(self, name: str) -> None:
        """Take `name` off the display."""
        with self._lock:
            if name in self._tasks:
                self._bars.remove_task(self._tasks.pop(name)[1])


class _Line(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        work: Work = task.fields["work"]
        return Text(work.line().removeprefix(f"{work.name}: "), style="dim")


def duration(seconds: float) -> str:
    """`45s`, `3m10s`, `2h05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _significant(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
