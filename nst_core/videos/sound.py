"""Add a clip's sound to its film: copied if MP4 holds it and browsers play it, otherwise as AAC; times in the film's clock."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from nst_core.videos import reading
from nst_core.videos.reading import TICKS

COPIED = ("aac", "mp3")
BITS = 160_000  # per second of AAC
RATES = (44_100, 48_000)  # samples per second that are kept; others become the latter


def packets(source: InputContainer, film: OutputContainer, *, until: int | None) -> Iterator[av.Packet]:
    """Yield the packets of the first audio stream, if any; the film gets a stream for it at once.

    until: ticks at which the film ends.
    """
    if not source.streams.audio:
        return iter(())
    audio = source.streams.audio[0]
    if audio.codec_context is not None and audio.codec_context.codec.canonical_name in COPIED:
        audio_packets = _copied(source, audio, film.add_stream_from_template(audio))
    else:
        rate = audio.rate if audio.rate in RATES else RATES[-1]
        audio_packets = _encoded(source, audio, film.add_stream("aac", rate=rate, bit_rate=BITS, layout="stereo"))
    return _before(audio_packets, until)


def _before(packets: Iterator[av.Packet], until: int | None) -> Iterator[av.Packet]:
    """Yield packets until the film ends."""
    for packet in packets:
        if until is not None and packet.pts is not None and packet.time_base and packet.pts * packet.time_base * TICKS >= until:
            return
        yield packet


def _copied(source: InputContainer, audio: AudioStream, stream: AudioStream) -> Iterator[av.Packet]:
    """Yield packets unchanged, but skip those that jump back in time in joined clips: MP4 requires increasing times."""
    late, last = reading.zero(source), None
    with suppress(*reading.DAMAGED):
        for packet in source.demux(audio):
            if packet.pts is None or packet.dts is None or not packet.time_base:
                continue
            shift = round(late / TICKS / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if last is not None and packet.dts <= last:
                continue
            last, packet.stream = packet.dts, stream
            yield packet


def _encoded(source: InputContainer, audio: AudioStream, stream: AudioStream) -> Iterator[av.Packet]:
    """Yield packets encoded as AAC."""
    context, fifo = stream.codec_context, av.AudioFifo()
    context.open(strict=False)
    for frame in _resampled(source, audio, AudioResampler(context.format, context.layout, context.rate)):
        fifo.write(frame)
        for piece in fifo.read_many(context.frame_size):
            yield from stream.encode(piece)
    if (rest := fifo.read()) is not None:
        yield from stream.encode(rest)
    yield from stream.encode(None)


def _resampled(source: InputContainer, audio: AudioStream, resampler: AudioResampler) -> Iterator[av.AudioFrame]:
    """Yield contiguous samples, beginning where the sound begins."""
    start = audio.start_time * audio.time_base if audio.start_time is not None and audio.time_base else Fraction(0)
    due = round((start - Fraction(reading.zero(source), TICKS)) * resampler.rate)
    for frame in _decoded(source, audio):
        for piece in resampler.resample(frame):
            piece.pts, piece.time_base = due, Fraction(1, resampler.rate)
            due += piece.samples
            yield piece


def _decoded(source: InputContainer, audio: AudioStream) -> Iterator[av.AudioFrame | None]:
    """Yield decoded frames without broken packets, then None."""
    with suppress(*reading.DAMAGED):
        for packet in source.demux(audio):
            with suppress(*reading.DAMAGED):
                yield from packet.decode()
    yield None
