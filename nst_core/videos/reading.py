"""Read clips: facts about a file, and its frames one by one, upright, uint8 (h, w, 3), sRGB.

All untrusted clips pass through this module, which uses PyAV (FFmpeg's libraries). Frames are streamed, so that memory does not
grow with length. Faults of the file raise BadClip; a fault after its first frame ends the clip there, as in players.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import NamedTuple

import av
from av.codec import CodecContext
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from nst_core import images
from nst_core.errors import BadClip
from nst_core.videos import clips, pixels
from nst_core.videos.clips import Facts
from nst_core.videos.pixels import Pixels

TICKS = 90_000  # per second: the unit of times in a film
# the formats that are opened; not playlists, which refer to other files
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,flv,asf,ogg,mp3,wav,aac,flac"
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders that support transparency, by codec
_DEFAULT_RATE = 25.0  # frames per second, if a clip does not say
WHOLE = 0.9  # of the stated duration: a clip that is shorter is incomplete
_POSTER = 640  # pixels
DAMAGED = (av.FFmpegError, ValueError, EOFError)


class Frame(NamedTuple):
    """Hold a frame of a clip. begins, lasts: in TICKS, from the clip's beginning; lasts is 0 if unknown."""

    number: int
    pixels: Pixels
    begins: int
    lasts: int


@contextmanager
def opened(data: bytes, name: str = "The clip") -> Iterator[InputContainer]:
    """Open a clip. Raises: BadClip."""
    if not data:
        raise BadClip(f"{name} is empty; choose another file.")
    try:
        container = av.open(io.BytesIO(data), "r", options={"format_whitelist": _FORMATS}, metadata_errors="replace")
    except DAMAGED as error:
        raise BadClip(
            f"{name} cannot be read: it is not a video, or the file is incomplete or damaged. "
            "MP4, MOV, WebM, MKV, AVI and GIF are accepted."
        ) from error
    with container:
        yield container


def pictures_of(container: InputContainer, name: str = "The clip") -> VideoStream:
    """Return the video stream to paint; the cover of a song does not count.

    Raises: BadClip.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic and s.codec_context]
    if not moving:
        what = "only sound" if container.streams.audio else "no moving pictures"
        raise BadClip(f"{name} contains {what}: choose a video.")
    clips.check_frame(name, moving[0].width, moving[0].height)
    moving[0].codec_context.options = {"max_pixels": str(clips.MAX_PIXELS)}  # frames may be larger than the header says
    return moving[0]


def probe(data: bytes, name: str = "The clip") -> Facts:
    """Return the facts of a clip before it is painted. This decodes its first frame.

    Raises: BadClip.
    """
    with opened(data, name) as container:
        stream = pictures_of(container, name)
        turn, first, after = pixels.Turn(), None, None
        for frame in _decoded(container, stream):
            if first is not None:
                after = frame  # a second frame: it is not a still picture
                break
            first, turn = frame, pixels.turn_of(frame)
        if first is None:
            raise BadClip(f"No frame of {name} can be read: the file is incomplete or damaged.")
        width, height = _square(stream, first)
        rate = float(stream.average_rate or stream.guessed_rate or _DEFAULT_RATE)
        if after is None:
            frames, seconds = 1, _still(first, stream)
        elif stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
            frames = max(1, stream.frames or round(seconds * rate))
        else:
            frames, seconds = _counted(data, rate)
        upright = turn.size(width, height)
        facts = Facts(*upright, seconds=seconds, frames=frames, sound=bool(container.streams.audio))
        clips.check_frame(name, *upright)
        return Facts(*upright, seconds, frames, facts.sound, _poster(first, facts))


def frames(data: bytes, shape: tuple[int, int], *, start: int = 0) -> Iterator[Frame]:
    """Yield frames from number `start` on, each of `shape` (h, w).

    Times increase from frame to frame, whatever the file says. Damaged frames are missing, and if the format cannot continue
    after the damage, so are all later ones. Raises: BadClip.
    """
    with opened(data) as container:
        stream = pictures_of(container)
        start_of_all, last = zero(container), -1
        for number, frame in enumerate(_decoded(container, stream)):
            begins = max(last + 1, _ticks(frame, stream, number) - start_of_all)
            last = begins
            if number >= start:
                lasts = round((frame.duration or 0) * (stream.time_base or 0) * TICKS)
                yield Frame(number, pixels.of_frame(frame, shape), begins, lasts)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Yield the decodable frames: a broken packet is skipped, and a truncated clip ends where it ends."""
    decoder = _decoder(stream)
    with suppress(*DAMAGED):
        for packet in container.demux(stream):
            if packet.size:  # an empty packet marks the end, which a truncated clip lacks
                with suppress(*DAMAGED):
                    yield from decoder.decode(packet)
    with suppress(*DAMAGED):
        yield from decoder.decode(None)  # the frames that it still buffers


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """Return the stream's decoder, but libvpx for a WebM with transparency, which FFmpeg's decoder decoders ignore."""
    context, clear = stream.codec_context, {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode")
    if clear == "1" and (name := _WITH_ALPHA.get(context.codec.canonical_name)):
        decoder = CodecContext.create(name, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.options, decoder.extradata = context.options, context.extradata
        context = decoder
    context.thread_type = "AUTO"
    return context


def zero(container: InputContainer) -> int:
    """Return the start of the clip in TICKS of its own clock: that of its sound or its pictures, whichever is first."""
    streams = (*container.streams.video[:1], *container.streams.audio[:1])
    starts = [s.start_time * s.time_base for s in streams if s.start_time is not None and s.time_base]
    return round(min(starts, default=Fraction(0)) * TICKS)


def _ticks(frame: av.VideoFrame, stream: VideoStream, number: int) -> int:
    """Return when a frame begins, in TICKS."""
    stamped = stream.container.format.name != "avi"  # AVI has a rate but no times, and FFmpeg's guesses are wrong with B-frames
    if stamped and frame.pts is not None and stream.time_base:
        return round(frame.pts * stream.time_base * TICKS)
    return round(number * TICKS / (stream.average_rate or _DEFAULT_RATE))


def _counted(data: bytes, rate: float) -> tuple[int, float]:
    """Count frames and seconds of a clip whose header lacks them, without decoding.

    If the header states a total length and the file ends before it, the file is truncated: the result is then the stated
    length.
    """
    with opened(data) as container:
        stream = pictures_of(container)
        streams = (stream, *container.streams.audio[:1])
        times: dict[int, list[float]] = {each.index: [] for each in streams}
        with suppress(*DAMAGED):  # the lists keep what came before
            for packet in container.demux(*streams):
                if packet.size and packet.time_base:
                    times[packet.stream.index].append(float((packet.pts or 0) * packet.time_base))
        shown = times[stream.index]
        span = max(shown) - min(shown)
        seconds = (span or (len(shown) - 1) / rate) + 1 / rate
        ends = max(max(each, default=0.0) for each in times.values()) + 1 / rate
        promised = float((container.duration or 0) / av.time_base)
        return len(shown), promised - min(shown) if ends < WHOLE * promised else seconds


def _still(frame: av.VideoFrame, stream: VideoStream) -> float:
    """Return how long a single frame is shown."""
    lasts = float((frame.duration or 0) * (stream.time_base or 0))
    return lasts or 1 / float(stream.average_rate or _DEFAULT_RATE)


def _square(stream: VideoStream, frame: av.VideoFrame) -> tuple[int, int]:
    """Return (width, height) in square pixels, before turning."""
    return round(frame.width * float(stream.sample_aspect_ratio or 1)), frame.height


def _poster(frame: av.VideoFrame, facts: Facts) -> bytes:
    return images.thumbnail(
        images.from_uint8(pixels.of_frame(frame, facts.shape(min(_POSTER, max(facts.width, facts.height))))), _POSTER
    )
