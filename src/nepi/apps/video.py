"""VideoSender and VideoReceiver: a moving test picture as MPEG transport stream over UDP, by ffmpeg.

The receiver decodes what comes, counts pictures and what was damaged in them, and compares each picture with the same test picture
made anew (PSNR). Source: ffmpeg-protocols(1), ffmpeg-filters(1), 5.1.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final

from nepi.apps.option_kinds import HOST, PORT, Rate, Seconds, Whole, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode
from nepi.apps.tool_application import ToolApplication
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode
from nepi.model.attributes import Reference

DEFAULT_PORT: Final = 5004
PSNR_FILE: Final = "psnr"
_QUIET: Final = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "repeat+level+error", "-nostats", "-progress", "pipe:1"]
_SIZE: Final = Word(r"[1-9]\d{1,3}x[1-9]\d{1,3}", "a size such as 320x240")
_PACKET_BYTES: Final = 1316  # seven packets of 188 bytes, as usual: they fit an Ethernet frame


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSenderOptions(CommandOptions):
    """What is sent."""

    tool: ClassVar[str] = "ffmpeg"

    target: str = field(metadata=option("target", "", HOST, "Host of the VideoReceiver, by name or address."))
    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "The receiver's port."))
    duration_s: float = field(
        default=10.0, metadata=option("duration", "", Seconds(0.04, 86_400), "Length of the film, and of the sending.")
    )
    size: str = field(default="320x240", metadata=option("size", "", _SIZE, "Width and height, in pixels."))
    frame_rate: int = field(default=25, metadata=option("frameRate", "", Whole(1, 120), "Pictures in a second."))
    rate_bps: int = field(default=1_000_000, metadata=option("rate", "", Rate(10_000, 10**8), "Bit rate that the encoder aims at."))
    key_frames: int = field(default=12, metadata=option("keyFrames", "", Whole(1, 1000), "Every which picture needs no other one."))

    def argv(self) -> list[str]:
        """Return the command line: at the pace of the film, without buffers that would hold the first pictures back."""
        picture = f"testsrc=size={self.size}:rate={self.frame_rate}:duration={self.duration_s:g}"
        code = ["-c:v", "mpeg2video", "-b:v", str(self.rate_bps), "-g", str(self.key_frames), "-pix_fmt", "yuv420p", "-bf", "0"]
        mux = ["-f", "mpegts", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1"]
        return [*_QUIET, "-re", "-f", "lavfi", "-i", picture, *code, *mux, _url(self.target, self.port)]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReceiverOptions(CommandOptions):
    """How a film is received; size and frame rate are those that the sender has, for the comparison."""

    tool: ClassVar[str] = "ffmpeg"

    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "Port to listen on."))
    source: str | None = field(default=None, metadata=option("source", "", HOST, "The VideoSender, for the number of pictures sent."))
    size: str = field(default="320x240", metadata=option("size", "", _SIZE, "Width and height, in pixels."))
    frame_rate: int = field(default=25, metadata=option("frameRate", "", Whole(1, 120), "Pictures in a second."))

    def argv(self) -> list[str]:
        """Return the command line. Time stamps stay as sent, so that each picture is compared with the one of its time."""
        original = f"testsrc=size={self.size}:rate={self.frame_rate},format=yuv420p,settb=AVTB,setpts=PTS[original]"
        shown = "[0:v]settb=AVTB,setpts=PTS[shown]"
        graph = f"{shown};{original};[shown][original]psnr=stats_file={PSNR_FILE}:shortest=1[out]"
        # Nothing is looked at for long before the first picture is shown: what is sent is known.
        quick = ["-probesize", "32k", "-analyzeduration", "100000", "-fpsprobesize", "0"]
        source = ["-copyts", *quick, "-f", "mpegts", "-i", _url("0.0.0.0", self.port) + "&overrun_nonfatal=1&fifo_size=65536"]
        return [*_QUIET, *source, "-lavfi", graph, "-map", "[out]", "-fps_mode", "passthrough", "-f", "null", "-"]


def _url(host: str, port: int) -> str:
    return f"udp://{f'[{host}]' if ':' in host else host}:{port}?pkt_size={_PACKET_BYTES}"


@dataclass(frozen=True, slots=True)
class VideoSent:
    """How far a sender came: pictures, and the length of the film so far; `complete` when it came to its end."""

    frames: int = 0
    film_s: float = 0.0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class VideoResult:
    """What came at a receiver.

    Attributes:
        frames: pictures that could be shown, damaged ones included. The last that is sent is not among them: a picture is known
            to be whole when the next one begins.
        errors: complaints of the decoder: packets that were missing, parts that had to be made up.
        psnr_mean_db, psnr_min_db: likeness of the pictures to those that were sent, each at its time; a picture without any
            difference counts as 100 dB. None when nothing was shown. About 30 is fair, the encoder alone costs the rest to 100.
        psnr_db: of each picture.
        complete: whether ffmpeg has ended in order, so that all that came is counted.
    """

    frames: int = 0
    errors: int = 0
    psnr_mean_db: float | None = None
    psnr_min_db: float | None = None
    psnr_db: tuple[float, ...] = ()
    complete: bool = False


_NO_DIFFERENCE_DB: Final = 100.0
_PSNR: Final = re.compile(r"n:\d+ .*psnr_avg:(\S+)")


def parse_progress(output: bytes | str) -> VideoSent:
    """Return what ffmpeg's `-progress` said last, of blocks that came to their end."""
    frames, film_s, complete = 0, 0.0, False
    block: dict[str, str] = {}
    for line in decode(output, "ffmpeg").split("\n")[:-1]:
        name, equals, value = line.strip().partition("=")
        if not equals:
            continue
        block[name] = value
        if name == "progress":
            frames = int(block.get("frame", frames))
            microseconds = block.get("out_time_us", "N/A")
            film_s = int(microseconds) / 1e6 if microseconds.lstrip("-").isdigit() else film_s
            complete, block = value == "end", {}
    return VideoSent(frames, film_s, complete)


def parse_video(progress: bytes | str, complaints: bytes | str, psnr: bytes | str) -> VideoResult:
    """Return what came: from ffmpeg's progress, what its decoder complained of, and its file of likenesses."""
    sent = parse_progress(progress)
    decoded = tuple(_decibels(decode(psnr, "ffmpeg psnr")))
    errors = sum(line.startswith("[") and " @ " in line and "[error]" in line for line in decode(complaints, "ffmpeg").splitlines())
    mean = sum(decoded) / len(decoded) if decoded else None
    return VideoResult(max(sent.frames, len(decoded)), errors, mean, min(decoded, default=None), decoded, sent.complete)


def _decibels(text: str) -> Iterator[float]:
    for line in text.split("\n")[:-1]:
        if match := _PSNR.match(line):
            yield _NO_DIFFERENCE_DB if match[1] == "inf" else float(match[1])


class VideoSender(ToolApplication[VideoSent]):
    """Sends a moving test picture to the VideoReceiver on `target`, at its own pace."""

    options = VideoSenderOptions
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def read_result(self, stdout: bytes) -> VideoSent:
        """Return how far it came."""
        return parse_progress(stdout)


class VideoReceiver(ToolApplication[VideoResult]):
    """Decodes what a VideoSender sends, until it is stopped. STARTED when it listens."""

    service = True
    options = VideoReceiverOptions
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # it then ends in order

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it listens."""
        await host.host.wait_listening(self.get("port"), protocol="udp", process=process)

    def read_result(self, stdout: bytes) -> VideoResult:
        """Return what came."""
        psnr = self.run_home / PSNR_FILE
        said = self.words_path.read_bytes()[self.words_offset :] if self.words_path.exists() else b""
        return parse_video(stdout, said, psnr.read_bytes() if psnr.exists() else b"")

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        result, source = self.result, self.get("source")
        if result is None:
            return []
        sender = self.ec.get_resource(source.guid) if isinstance(source, Reference) else None
        sent = sender.result if isinstance(sender, VideoSender) else None
        rows = [("pictures", f"{sent.frames} sent" if sent is not None else "-", f"{result.frames} shown, {result.errors} complaints")]
        if result.psnr_mean_db is not None:
            rows.append(("PSNR", "-", f"{result.psnr_mean_db:.1f} dB (least {result.psnr_min_db:.1f} dB)"))
        return rows
