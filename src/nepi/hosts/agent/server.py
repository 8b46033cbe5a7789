"""The agent's side of the protocol: clients on a UNIX socket, one JSON object a line. See docs/design/agent.md."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

from . import VERSION, namespaces
from .child import CommandSpec, Surroundings
from .files import Followed, read_pieces, write_piece
from .lasting import LastingClient
from .listening import PortWatch
from .loop import Loop
from .network import Network
from .places import StepError
from .processes import Commands
from .tunnels import Underlay

Message = dict[str, Any]
MAX_BUFFER = 256 * 1024 * 1024


class Client:
    """One connection. Requests come in, replies and events go out; neither ever blocks the loop."""

    def __init__(
        self, loop: Loop, connection: socket.socket, take: Callable[[Client, Message], None], gone: Callable[[Client], None]
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._take = take
        self._gone = gone
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._open = True
        self.watching = False
        self.lasting: LastingClient | None = None
        connection.setblocking(False)
        loop.watch(connection.fileno(), self._ready)

    def send(self, message: Message) -> None:
        """Send one message; dropped when the client is gone."""
        if self._open:
            self._outgoing += json.dumps(message, separators=(",", ":")).encode() + b"\n"
            self._flush()

    def _flush(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: self._connection.send(memoryview(self._outgoing)[: 1 << 20])]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if len(self._outgoing) > MAX_BUFFER:
            self.close()
        elif self._open:
            self._loop.watch(self._connection.fileno(), self._ready, write=bool(self._outgoing))

    def _ready(self) -> None:
        try:
            while self._open and (data := self._connection.recv(1 << 20)):
                self._incoming += data
            if self._open:
                self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        if b"\n" in self._incoming:
            lines = bytes(self._incoming).split(b"\n")
            self._incoming = bytearray(lines.pop())
            for line in lines:
                self._take(self, json.loads(line))
        if self._outgoing:
            self._flush()

    def close(self) -> None:
        """Close the connection; harmless when closed."""
        if self._open:
            self._open = False
            self._loop.unwatch(self._connection.fileno())
            self._connection.close()
            self._gone(self)


Asker = Client | LastingClient


class Server:
    """Takes requests and has them done."""

    def __init__(self, listener: socket.socket, around: Surroundings, features: Message, underlay: Underlay | None = None) -> None:
        self._features = features
        self._loop = Loop()
        self._home_fd = namespaces.open_netns()
        self._network = Network(underlay)
        self._commands = Commands(self._loop, around, own_proc=features["own_proc"], tell=self._tell)
        self._clients: set[Client] = set()
        self._watches: dict[tuple[Asker, int], PortWatch] = {}
        self._lasting: dict[str, LastingClient] = {}
        self._followed = Followed(self._loop, self._tell_grown)
        self._listener = listener
        listener.setblocking(False)
        self._loop.watch(listener.fileno(), self._accept)
        self._loop.when_idle(lambda: self._network.empty_trash() if self._network.has_trash else None)
        prefix = "_op_"
        self._ops: dict[str, Callable[[Asker, Message], None]] = {
            name.removeprefix(prefix): getattr(self, name) for name in dir(self) if name.startswith(prefix)
        }

    def run(self) -> None:
        """Serve until `end`."""
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

        def child_ended() -> None:
            os.read(reading, 4096)
            self._commands.reap()

        self._loop.watch(reading, child_ended)
        self._loop.run()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            print(f"accept: {error}", flush=True)
            return
        self._clients.add(Client(self._loop, connection, self._take, self._gone))

    def _gone(self, client: Client) -> None:
        self._clients.discard(client)
        if client.lasting is None:
            self._give_up(client)
        else:
            client.lasting.detach(client)

    def _give_up(self, client: Asker) -> None:
        """A client does not come back."""
        self._commands.abandon(client)
        for key in [key for key in self._watches if key[0] is client]:
            self._watches.pop(key).close()

    def _op_resume(self, client: Asker, message: Message) -> None:
        """A controller on another machine is there, or there again. Whoever was there before it under another name is not any more."""
        assert isinstance(client, Client)
        token = message["token"]
        for other in [one for one in self._lasting if one != token]:
            self._give_up(self._lasting.pop(other))
        client.lasting = self._lasting.setdefault(token, LastingClient(token))
        client.lasting.attach(client)

    def _watching(self) -> list[Asker]:
        """Return who wants to be told."""
        everybody: list[Asker] = [client for client in self._clients if client.lasting is None]
        everybody += self._lasting.values()
        return [one for one in everybody if one.watching]

    def _take(self, connection: Client, message: Message) -> None:
        client: Asker = connection
        if connection.lasting is not None:
            client = connection.lasting
            if not client.is_new(message):
                return
        try:
            operation = self._ops[message["op"]]
        except KeyError:
            self._refuse(client, message, "protocol", f"no operation {message.get('op')!r}")
            return
        try:
            operation(client, message)
        except StepError as error:
            self._refuse(client, message, "step", str(error))
        except OSError as error:
            self._refuse(client, message, "system", str(error), error.errno or 0)
        except Exception as error:  # a request that is wrong must not end the run
            self._refuse(client, message, "protocol", f"{type(error).__name__}: {error}")

    @staticmethod
    def _refuse(client: Asker, message: Message, kind: str, what: str, errno: int = 0) -> None:
        client.send({"id": message.get("id"), "error": {"kind": kind, "message": what, "errno": errno}})

    @staticmethod
    def _replier(client: Asker, message: Message) -> Callable[[Message], None]:
        return lambda answer: client.send({"id": message.get("id"), "ok": answer})

    def _tell(self, exits: list[Message]) -> None:
        for client in self._watching():
            client.send({"event": "exited", "exits": exits})

    def _tell_grown(self, paths: list[str]) -> None:
        for client in self._watching():
            client.send({"event": "grown", "paths": paths})

    # -- operations

    def _op_hello(self, client: Asker, message: Message) -> None:
        client.send({"id": message.get("id"), "ok": {"version": VERSION, **self._features}})

    def _op_batch(self, client: Asker, message: Message) -> None:
        steps: list[Message] = message["steps"]
        closing = [step["name"] for step in steps if step.get("do") == "close_node"]
        left = len(closing)

        def one_less() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._loop.do(self._batch(client, message, steps))

        for name in closing:
            self._commands.kill_on(name, one_less)
        if not closing:
            self._loop.do(self._batch(client, message, steps))

    def _batch(self, client: Asker, message: Message, steps: list[Message]) -> Iterator[None]:
        results: list[Message] = []
        try:
            yield from self._network.run(steps, results)
        except Exception as error:  # a step that is wrong must not end the run
            self._refuse(client, message, "system", f"{type(error).__name__}: {error}")
            return
        client.send({"id": message.get("id"), "ok": {"results": results}})

    def _op_spawn(self, client: Asker, message: Message) -> None:
        specs = [CommandSpec(**command) for command in message["commands"]]

        def job() -> Iterator[None]:
            known: list[tuple[CommandSpec, int, int | None]] = []
            failed: dict[int, Message] = {}
            for number, spec in enumerate(specs):
                try:
                    known.append(self._connect_wire(spec) if spec.wire else (spec, self._network.place_fd(spec.node), None))
                except StepError as error:
                    failed[number] = {"errno": 0, "what": str(error)}
                except OSError as error:
                    failed[number] = {"errno": error.errno, "what": f"the namespace of user-space links: {error.strerror}"}

            def reply(answer: Message) -> None:
                results = iter(answer["results"])
                merged = [failed[number] if number in failed else next(results) for number in range(len(specs))]
                client.send({"id": message.get("id"), "ok": {"results": merged}})

            try:
                yield from self._commands.spawn(known, client, reply)
            finally:
                for _, _, stdin_fd in known:
                    if stdin_fd is not None:
                        os.close(stdin_fd)

        self._loop.do(job())

    def _connect_wire(self, spec: CommandSpec) -> tuple[CommandSpec, int, int]:
        """Prepare the conversation with a wire process that is about to be started."""
        wire = self._network.userspace.wire()
        ours, theirs = wire.connect()

        def hear() -> None:
            if not wire.hear():
                self._loop.unwatch(ours.fileno())
                wire.end()

        wire.on_overload = self._tell_overloaded
        self._loop.watch(ours.fileno(), hear)
        return spec, wire.fd, theirs.detach()

    def _tell_overloaded(self, far_ends: list[int]) -> None:
        # Not at once: this may be heard while an answer is being waited for.
        def tell() -> None:
            ends = self._network.userspace.counters(self._network.places.values(), far_ends)
            for client in self._watching():
                client.send({"event": "overloaded", "ends": ends})

        self._loop.call_later(0.0, tell)

    def _op_wire_ready(self, client: Asker, message: Message) -> None:
        self._network.userspace.wire().when_ready(self._replier(client, message))

    def _op_link_counters(self, client: Asker, message: Message) -> None:
        self._replier(client, message)({"ends": self._network.userspace.counters(self._network.places.values())})

    def _op_go(self, client: Asker, message: Message) -> None:
        self._commands.go(message["tags"], self._replier(client, message))

    def _op_signal(self, client: Asker, message: Message) -> None:
        self._commands.signal(message["tag"], message["number"])
        self._replier(client, message)({})

    def _op_stdin(self, client: Asker, message: Message) -> None:
        command = self._commands.get(message["tag"])
        reply = self._replier(client, message)
        if command is None or not command.alive:
            reply({"refused": "it has ended"})
        elif command.stdin is None:
            reply({"refused": "its standard input was not left open"})
        else:
            command.stdin.write(base64.b64decode(message["data"]), message["eof"], lambda reason: reply({"refused": reason}))

    def _op_stop(self, client: Asker, message: Message) -> None:
        self._commands.stop(message["tag"], message["grace_s"], self._replier(client, message))

    def _op_exits(self, client: Asker, message: Message) -> None:
        commands = [
            {
                "tag": command.spec.tag,
                "node": command.spec.node,
                "owner": command.spec.owner,
                "argv": list(command.spec.argv),
                "pid": command.outer_pid,
                "start_ticks": command.start_ticks,
                "started_at": command.started_at,
                "stdout": command.spec.stdout,
                "stderr": command.spec.stderr or command.spec.stdout,
                "exit": command.exit,
            }
            for command in self._commands.all()
        ]
        self._replier(client, message)({"commands": commands})

    def _op_watch(self, client: Asker, message: Message) -> None:
        client.watching = True
        self._replier(client, message)({})

    def _op_listening(self, client: Asker, message: Message) -> None:
        key = (client, message["id"])

        def answer(listening: bool) -> None:
            if self._watches.pop(key, None) is not None:
                client.send({"id": message["id"], "ok": {"listening": listening}})

        netns_fd = self._network.node_fd(message["node"])
        tag = message.get("tag")
        command = self._commands.get(tag) if tag else None
        watch = PortWatch(self._loop, netns_fd, self._home_fd, message["port"], message["protocol"], lambda: answer(True))
        self._watches[key] = watch
        if tag and (command is None or command.exit is not None):
            watch.close()
            answer(False)
            return
        if command is not None:

            def ended() -> None:
                watch.close()
                answer(False)

            self._commands.when_ended(command.spec.tag, ended)
        watch.start()

    def _op_unlisten(self, client: Asker, message: Message) -> None:
        watch = self._watches.pop((client, message["of"]), None)
        if watch is not None:
            watch.close()
        self._replier(client, message)({})

    def _op_hosts(self, client: Asker, message: Message) -> None:
        write_hosts(message["entries"])
        self._replier(client, message)({})

    def _op_inventory(self, client: Asker, message: Message) -> None:
        self._replier(client, message)({"places": self._network.inventory()})

    def _op_read(self, client: Asker, message: Message) -> None:
        self._replier(client, message)({"pieces": read_pieces(message["files"])})

    def _op_write(self, client: Asker, message: Message) -> None:
        write_piece(message["path"], message["data"], message["offset"], message["mode"])
        self._replier(client, message)({})

    def _op_follow(self, client: Asker, message: Message) -> None:
        self._followed.follow(message["paths"])
        self._replier(client, message)({})

    def _op_leave(self, client: Asker, message: Message) -> None:
        self._followed.leave(message["paths"])
        for path in message["remove"]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._replier(client, message)({})

    def _op_end(self, client: Asker, message: Message) -> None:
        self._replier(client, message)({})
        self._loop.stop()


def write_hosts(entries: list[tuple[str, list[str]]]) -> None:
    """Rewrite the run's hosts file in place (it is bind-mounted over /etc/hosts, so it must stay the same file).

    Written over before it is cut to length, so that nobody who reads it at this moment finds it empty.
    """
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += [f"{address} {' '.join(names)}" for address, names in entries]
    data = ("\n".join(lines) + "\n").encode()
    fd = os.open("hosts", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(fd, os.write(fd, data))
    finally:
        os.close(fd)
