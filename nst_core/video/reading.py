"""Clips in: the bytes of a file -> what is known of it, and its frames one by one, upright, uint8 (h, w, 3), sRGB.

The only door for untrusted clips, through PyAV, FFmpeg's libraries. Frames come as a stream, so that memory does not grow with
length. What goes wrong with the file is a BadClip; what goes wrong after its first frame ends it there, as players do.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.stream import Disposition
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from nst_core import images
from nst_core.errors import BadClip
from nst_core.video import clips
from nst_core.video.clips import Facts

Pixels = npt.NDArray[np.uint8]  # (h, w, 3)

TICKS = 90_000  # a second: what the film's times are counted in
# what is opened at all: no playlists, which name files of their own
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,flv,asf,ogg,mp3,wav,aac,flac"
_DEFAULT_RATE = 25.0  # frames a second, where a clip does not say
_POSTER = 640  # pixels
DAMAGED = (av.FFmpegError, ValueError, EOFError)


class Frame(NamedTuple):
    """A frame of a clip. begins, lasts: in TICKS, from the clip's beginning; lasts may be 0, which is unknown."""

    number: int
    pixels: Pixels
    begins: int
    lasts: int


@contextmanager
def opened(data: bytes, name: str = "The clip") -> Iterator[InputContainer]:
    """Raises: BadClip."""
    if not data:
        raise BadClip(f"{name} is empty; choose another file.")
    try:
        container = av.open(io.BytesIO(data), "r", options={"format_whitelist": _FORMATS})
    except DAMAGED as error:
        raise BadClip(
            f"{name} cannot be read: it is no clip, or is cut off or damaged. MP4, MOV, WebM, MKV, AVI and GIF are taken."
        ) from error
    with container:
        yield container


def pictures_of(container: InputContainer, name: str = "The clip") -> VideoStream:
    """The stream to paint; a song's cover is none.

    Raises: BadClip.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic and s.codec_context]
    if not moving:
        what = "only sound in it" if container.streams.audio else "no moving pictures in it"
        raise BadClip(f"{name} has {what}: choose a clip with pictures.")
    clips.check_frame(name, moving[0].width, moving[0].height)
    moving[0].codec_context.options = {"max_pixels": str(clips.MAX_PIXELS)}  # frames may be larger than the header says
    return moving[0]


def probe(data: bytes, name: str = "The clip") -> Facts:
    """What is known of a clip before it is painted; its first frame is decoded.

    Raises: BadClip.
    """
    with opened(data, name) as container:
        stream = pictures_of(container, name)
        turn, first, after = 0, None, None
        for frame in _decoded(container, stream):
            if first is not None:
                after = frame  # a second one: it moves
                break
            first, turn = frame, _quarter_turns(frame)
        if first is None:
            raise BadClip(f"None of the pictures in {name} can be read: it is cut off or damaged.")
        width, height = _square(stream, first)
        seconds = _seconds(container, stream) if after is not None else _still(first, stream)
        rate = float(stream.average_rate or stream.guessed_rate or _DEFAULT_RATE)
        frames = max(1, stream.frames or round(seconds * rate)) if after is not None else 1
        if not seconds:
            frames, seconds = _counted(data, rate)
        upright = (height, width) if turn % 2 else (width, height)
        facts = Facts(*upright, seconds=seconds, frames=frames, sound=bool(container.streams.audio))
        clips.check_frame(name, *upright)
        return Facts(*upright, seconds, frames, facts.sound, _poster(first, facts))


def frames(data: bytes, shape: tuple[int, int], *, start: int = 0) -> Iterator[Frame]:
    """From number `start` on, each of `shape` (h, w). Times grow from frame to frame, whatever the file says;
    of a damaged middle frames are missing, and where its format cannot go on after it, all the rest.

    Raises: BadClip.
    """
    with opened(data) as container:
        stream = pictures_of(container)
        start_of_all, last = zero(container), -1
        for number, frame in enumerate(_decoded(container, stream)):
            begins = max(last + 1, _ticks(frame, stream, number) - start_of_all)
            last = begins
            if number >= start:
                lasts = round((frame.duration or 0) * (stream.time_base or 0) * TICKS)
                yield Frame(number, _pixels(frame, shape), begins, lasts)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """As far as they can be: a broken packet is left out, and what is cut off ends where it ends."""
    stream.thread_type = "AUTO"
    with suppress(*DAMAGED):
        for packet in container.demux(stream):
            if packet.size:  # else the end, which a clip that is cut off has not
                with suppress(*DAMAGED):
                    yield from packet.decode()
    with suppress(*DAMAGED):
        yield from stream.decode(None)  # what the decoder still holds


def zero(container: InputContainer) -> int:
    """Where the clip begins, in TICKS of its own clock: with its sound or its pictures, whichever is first."""
    streams = (*container.streams.video[:1], *container.streams.audio[:1])
    starts = [s.start_time * s.time_base for s in streams if s.start_time is not None and s.time_base]
    return round(min(starts, default=Fraction(0)) * TICKS)


def _ticks(frame: av.VideoFrame, stream: VideoStream, number: int) -> int:
    stamped = stream.container.format.name != "avi"  # which has a rate and no times; FFmpeg's guesses stumble over B-frames
    if stamped and frame.pts is not None and stream.time_base:
        return round(frame.pts * stream.time_base * TICKS)
    return round(number * TICKS / (stream.average_rate or _DEFAULT_RATE))


def _seconds(container: InputContainer, stream: VideoStream) -> float:
    """Of the pictures, as the file says; where it does not, of all."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float((container.duration or 0) / av.time_base)


def _counted(data: bytes, rate: float) -> tuple[int, float]:
    """Frames and seconds of a clip whose header says neither, as of a live recording; nothing is decoded."""
    with opened(data) as container:
        stream = pictures_of(container)
        times: list[int] = []
        with suppress(*DAMAGED):  # what came before stays in the list
            times.extend(packet.pts or 0 for packet in container.demux(stream) if packet.size)
        span = float((max(times) - min(times)) * (stream.time_base or 0))
        return len(times), (span or (len(times) - 1) / rate) + 1 / rate


def _still(frame: av.VideoFrame, stream: VideoStream) -> float:
    """How long a single frame is shown."""
    lasts = float((frame.duration or 0) * (stream.time_base or 0))
    return lasts or 1 / float(stream.average_rate or _DEFAULT_RATE)


def _square(stream: VideoStream, frame: av.VideoFrame) -> tuple[int, int]:
    """(width, height) in square pixels, not yet turned."""
    return round(frame.width * float(stream.sample_aspect_ratio or 1)), frame.height


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Counterclockwise, that make it upright: phones write lying frames and how to turn them."""
    return round(frame.rotation / 90) % 4


def _pixels(frame: av.VideoFrame, shape: tuple[int, int]) -> Pixels:
    """Upright, scaled, over white where it is transparent."""
    turns = _quarter_turns(frame)
    height, width = reversed(shape) if turns % 2 else shape
    way = Interpolation.AREA if frame.width >= width else Interpolation.BICUBIC
    clear = frame.format.name == "pal8" or any(part.is_alpha for part in frame.format.components)
    found = frame.reformat(width, height, "rgba" if clear else "rgb24", interpolation=way).to_ndarray()
    if clear:
        opacity = found[..., 3:] / np.float32(255)
        found = (found[..., :3] * opacity + 255 * (1 - opacity) + 0.5).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(found, turns))


def _poster(frame: av.VideoFrame, facts: Facts) -> bytes:
    return images.thumbnail(
        images.from_uint8(_pixels(frame, facts.shape(min(_POSTER, max(facts.width, facts.height))))), _POSTER
    )
