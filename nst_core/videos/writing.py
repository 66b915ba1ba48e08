"""Write films: painted frames become segments, files of H.264, which are joined with the clip's sound without re-encoding.

Interrupted runs resume from segments, and segments keep memory small: frames are stored as files, and each second of them
becomes a segment named by its start. Players need H.264 in 4:2:0, the index at the front (faststart), and tagged colours.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace

from nst_core.videos import reading, sound
from nst_core.videos.reading import TICKS, Pixels

SHARP = 20  # x264's constant rate factor; 0 is without loss, 23 its default
_TIME = Fraction(1, TICKS)


def segment(frames: Iterable[tuple[int, Pixels]], file: Path, *, sharp: int = SHARP) -> None:
    """Encode frames, given with the ticks at which they begin, to a file whose first frame begins at 0.

    The file appears when it is complete. sharp: as SHARP.
    """
    partial = file.with_suffix(".partial")
    with av.open(str(partial), "w", format="mp4") as container:
        stream, first = None, 0
        for ticks, pixels in frames:
            if stream is None:
                stream, first = _pictures(container, pixels.shape, sharp), ticks
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = ticks - first, _TIME
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
    partial.replace(file)


def _pictures(container: OutputContainer, shape: Sequence[int], sharp: int) -> av.VideoStream:
    # without B-frames, packets are in display order, so that segments can be joined unchanged
    """Add the video stream."""
    options = {"crf": str(sharp), "preset": "veryfast", "bf": "0"}
    stream = container.add_stream("libx264", rate=TICKS, options=options)
    stream.height, stream.width, stream.pix_fmt = shape[0], shape[1], "yuv420p"
    stream.time_base = stream.codec_context.time_base = _TIME
    context = stream.codec_context
    context.color_range = context.colorspace = 1  # limited range, BT.709: players guess differently if it is not stored
    context.color_primaries = context.color_trc = 1
    return stream


def join(segments: Sequence[tuple[int, Path]], clip: bytes, file: Path, *, ends: int, whole: bool) -> None:
    """Join segments, given with the ticks at which they begin, and the sound of a clip to an MP4.

    ends: of the last frame, in ticks. whole: the film has the clip's full length and sound; otherwise the sound ends with the
    film.
    """
    with reading.opened(clip) as source, av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as film:
        with av.open(str(segments[0][1])) as first:
            pictures = film.add_stream_from_template(first.streams.video[0])
        audio = sound.packets(source, film, until=None if whole else ends)
        for packet in heapq.merge(_packets(segments, ends, pictures), audio, key=_seconds):
            film.mux(packet)


def _packets(segments: Sequence[tuple[int, Path]], ends: int, stream: av.VideoStream) -> Iterator[av.Packet]:
    """Yield the packets of all segments; each lasts until the next begins."""
    before: av.Packet | None = None
    for begins, file in segments:
        with av.open(str(file)) as container:
            for packet in container.demux(video=0):
                if packet.pts is None or packet.time_base is None:
                    continue  # the end
                ticks = begins + round(packet.pts * packet.time_base * TICKS)
                packet.pts = packet.dts = ticks
                packet.time_base, packet.stream = _TIME, stream
                if before is not None:
                    before.duration = ticks - (before.pts or 0)
                    yield before
                before = packet
    if before is not None:
        before.duration = max(1, ends - (before.pts or 0))
        yield before


def _seconds(packet: av.Packet) -> float:
    return float((packet.pts or 0) * (packet.time_base or 0))
