"""The command line of tcpdump from the attributes of a Tcpdump; building only, nothing is run. Source: tcpdump(8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import ClassVar, Final

from nepi.apps.option_kinds import INTERFACE, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option

_OFF: Final = Switch()
_INT: Final = 2**31 - 1
_FILE: Final = Word(r"[^\n]+", "a file's path")
_NAME: Final = Word(r"[a-zA-Z0-9_-]+", "one name")


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpdumpOptions(CommandOptions):
    """What to capture and how to print it; the attributes' names are the original's, which are tcpdump's letters."""

    tool: ClassVar[str] = "tcpdump"

    print_ascii: bool = field(default=False, metadata=option("A", "-A", _OFF, "Print packets in ASCII."))
    as_dot: bool = field(default=False, metadata=option("b", "-b", _OFF, "Print BGP AS numbers with dots."))
    buffer_kib: int | None = field(default=None, metadata=option("B", "-B", Whole(1, _INT), "Capture buffer, in KiB."))
    count: int | None = field(default=None, metadata=option("c", "-c", Whole(1, _INT), "Stop after this many packets."))
    file_size_mb: int | None = field(default=None, metadata=option("C", "-C", Whole(1, _INT), "Next file after this many MB (10^6 bytes)."))
    dump_code: bool = field(default=False, metadata=option("d", "-d", _OFF, "Print the compiled expression and end."))
    dump_code_c: bool = field(default=False, metadata=option("dd", "-dd", _OFF, "The same as a fragment of C."))
    dump_code_decimal: bool = field(default=False, metadata=option("ddd", "-ddd", _OFF, "The same as decimal numbers."))
    list_interfaces: bool = field(default=False, metadata=option("D", "-D", _OFF, "List the interfaces and end."))
    link_level: bool = field(default=False, metadata=option("e", "-e", _OFF, "Print link-level headers."))
    expression_file: str | None = field(default=None, metadata=option("F", "-F", _FILE, "File with the filter expression."))
    rotate_s: float | None = field(
        default=None, metadata=option("G", "-G", Seconds(1, _INT, whole=True), "Next file after this time; needs w.")
    )
    interface: str | None = field(default=None, metadata=option("i", "-i", INTERFACE, "Interface to listen on, or any."))
    monitor_mode: bool = field(default=False, metadata=option("I", "-I", _OFF, "Monitor mode (Wi-Fi)."))
    timestamp_type: str | None = field(default=None, metadata=option("j", "-j", _NAME, "Source of time stamps, as host or adapter."))
    skip_checksums: bool = field(default=False, metadata=option("K", "-K", _OFF, "Do not verify checksums."))
    line_buffered: bool = field(default=False, metadata=option("l", "-l", _OFF, "Print each line at once (always so here)."))
    packet_buffered: bool = field(default=False, metadata=option("U", "-U", _OFF, "Write each packet at once (always so here)."))
    numeric: bool = field(default=False, metadata=option("n", "-n", _OFF, "No names for addresses and ports."))
    no_domain: bool = field(default=False, metadata=option("N", "-N", _OFF, "No domain in host names."))
    snaplen_bytes: int | None = field(default=None, metadata=option("s", "-s", Size(0, 262_144), "Bytes kept of each packet; 0 for all."))
    absolute_sequence: bool = field(default=False, metadata=option("S", "-S", _OFF, "Absolute TCP sequence numbers."))
    packet_type: str | None = field(default=None, metadata=option("T", "-T", _NAME, "Take the packets to be of this type, as rtp."))
    no_times: bool = field(default=False, metadata=option("t", "-t", _OFF, "No time on each line."))
    epoch_times: bool = field(default=False, metadata=option("tt", "-tt", _OFF, "Times as seconds since the epoch."))
    delta_times: bool = field(default=False, metadata=option("ttt", "-ttt", _OFF, "Times since the line before."))
    date_times: bool = field(default=False, metadata=option("tttt", "-tttt", _OFF, "Times with the date."))
    relative_times: bool = field(default=False, metadata=option("ttttt", "-ttttt", _OFF, "Times since the first line."))
    verbose: bool = field(default=False, metadata=option("v", "-v", _OFF, "More of each packet."))
    more_verbose: bool = field(default=False, metadata=option("vv", "-vv", _OFF, "Still more."))
    most_verbose: bool = field(default=False, metadata=option("vvv", "-vvv", _OFF, "All."))
    write: bool = field(default=False, metadata=option("w", "", _OFF, "Write packets to the trace `pcap` instead of printing them."))
    expression: str | None = field(
        default=None, metadata=option("expression", "", Word(expected="a filter expression"), "Filter, as in pcap-filter(7).")
    )
    immediate_mode: bool = field(default=True, metadata=option("immediateMode", "--immediate-mode", _OFF, "Take each packet at once."))

    def conflicts(self) -> list[str]:
        """Name options that mean nothing together, where tcpdump would silently take one of them."""
        groups = {
            "d, dd, ddd": (self.dump_code, self.dump_code_c, self.dump_code_decimal),
            "t, tt, ttt, tttt, ttttt": (self.no_times, self.epoch_times, self.delta_times, self.date_times, self.relative_times),
            "v, vv, vvv": (self.verbose, self.more_verbose, self.most_verbose),
        }
        mistakes = [f"{names}: only one of them" for names, group in groups.items() if sum(group) > 1]
        if not self.write:
            rotating = {"C": self.file_size_mb, "G": self.rotate_s}
            mistakes += [f"{name}: needs w, the file that it would rotate" for name, value in rotating.items() if value]
        if self.expression and self.expression_file:
            mistakes.append("expression: cannot be combined with F")
        return mistakes


def tcpdump_argv(options: TcpdumpOptions, *, pcap_file: PurePath | None = None, user: str | None = None) -> list[str]:
    """Return tcpdump's argument list. Packets reach the file, lines reach the output, as soon as they are captured.

    Args:
        options: what to capture.
        pcap_file: where packets go when `options.write`; on the host that runs tcpdump.
        user: who to become after opening the interface; "root" in a user namespace, where tcpdump's own choice fails
            ("Couldn't change ownership of savefile"). None leaves it to tcpdump.

    Raises:
        ValueError: `options.write` without `pcap_file`; ours, not the user's.
    """
    if options.write and pcap_file is None:
        raise ValueError("tcpdump is to write packets and was given no file")
    words = options.words()
    words += [flag for flag in ("-U" if options.write else "-l",) if flag not in words]
    words += ["-Z", user] if user else []
    words += ["-w", str(pcap_file)] if options.write else []
    return [options.tool, *words, *([options.expression] if options.expression else [])]
