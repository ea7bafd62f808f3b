"""Work done in a child process, so that a crash in native code is an error like any other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any


class ChildCrashedError(RuntimeError):
    """The child process died; the message says of what."""


class ChildFailedError(RuntimeError):
    """The function raised in the child; the message is the exception's type and its first line."""

    def __init__(self, message: str, details: str) -> None:
        """details: the child's traceback."""
        super().__init__(message)
        self.details = details


class Child:
    """One process that runs functions one after another, started again after a crash.

    A crash takes the call that caused it and nothing else. Use as a context manager; the process ends with it.
    """

    def __init__(
        self,
        environment: dict[str, str] | None = None,
        quiet: bool = True,
        preload: Sequence[str] = (),
        ends_with_us: bool = False,
    ) -> None:
        """environment: added to the child's before it imports anything. quiet: its terminal output is dropped.

        preload: modules that it imports as it starts, while the caller goes on.
        ends_with_us: it is ended when this process ends, where nothing stops it before; it has no children itself.
        """
        self.environment = environment or {}
        self.quiet = quiet
        self.preload = tuple(preload)
        self.ends_with_us = ends_with_us
        self._process: Any = None
        self._connection: Connection | None = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process unless it runs; it gets ready while the caller goes on."""
        if self._process is not None and self._process.is_alive():
            return
        self.stop()
        context = multiprocessing.get_context("spawn")
        self._connection, end = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(end, self.environment, self.quiet, self.preload), daemon=self.ends_with_us
        )
        self._process.start()
        end.close()

    def call(self, function: Callable[..., Any], *arguments: Any, notify: Callable[[Any], None] | None = None) -> Any:
        """What a module-level function returns in the child.

        notify: receives what the function sends through its `notify` argument, which it gets if this is given.
        Raises ChildCrashedError, ChildFailedError.
        """
        self.start()
        assert self._connection is not None
        try:
            self._connection.send((function, arguments, notify is not None))
        except ConnectionError as error:
            raise ChildCrashedError(self._cause_of_death()) from error
        try:
            while (answer := self._receive())[0] == "notify":
                if notify is not None:
                    notify(answer[1])
        except BaseException:
            # What an abandoned call still sends would reach the next one.
            self.kill()
            self.stop()
            raise
        kind, value = answer
        if kind == "error":
            raise ChildFailedError(*value)
        return value

    def _receive(self) -> tuple[str, Any]:
        assert self._connection is not None
        try:
            answer: tuple[str, Any] = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            raise ChildCrashedError(self._cause_of_death()) from error
        return answer

    def kill(self) -> None:
        """End the process at once, whatever it does; a call in another thread then raises ChildCrashedError."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the process; one that does not end by itself within seconds is killed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.join(timeout=5)
            self.kill()
            self._process.join()
            self._process = None

    def _cause_of_death(self) -> str:
        self._process.join()
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"killed by signal {-code} ({signal.Signals(-code).name})"
        return f"ended with exit status {code}"


def _serve(connection: Connection, environment: dict[str, str], quiet: bool, preload: tuple[str, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment)
    if quiet:
        silence(1, 2)
    for module in preload:
        import_module(module)
    while True:
        try:
            function, arguments, wants_notify = connection.recv()
        except (EOFError, ConnectionError):
            return
        keywords = {"notify": lambda value: connection.send(("notify", value))} if wants_notify else {}
        try:
            answer = ("result", function(*arguments, **keywords))
        except Exception as error:
            answer = _failure(error)
        try:
            connection.send(answer)
        except ConnectionError:
            return
        except Exception as error:  # the result cannot be pickled
            connection.send(_failure(error))


def _failure(error: Exception) -> tuple[str, tuple[str, str]]:
    first = str(error).strip().splitlines()
    message = f"{type(error).__name__}: {first[0]}" if first else type(error).__name__
    return "error", (message, traceback.format_exc())


def _end_with_parent() -> None:
    """Without it a child would finish its work for a parent that was killed, beside the same command started anew."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def silence(*descriptors: int) -> None:
    """Send what is written to these file descriptors nowhere: native code writes past Python's streams."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
