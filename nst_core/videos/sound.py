"""A clip's sound for its film: copied where an MP4 holds it and browsers play it, else as AAC; packets in the film's time."""

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
BITS = 160_000  # a second, of what becomes AAC
RATES = (44_100, 48_000)  # samples a second that it may have; another becomes the latter


def packets(source: InputContainer, film: OutputContainer, *, until: int | None) -> Iterator[av.Packet]:
    """Of the first sound, if there is one; the film gets a stream for it at once. until: ticks at which the film ends."""
    if not source.streams.audio:
        return iter(())
    heard = source.streams.audio[0]
    if heard.codec_context is not None and heard.codec_context.codec.canonical_name in COPIED:
        found = _copied(source, heard, film.add_stream_from_template(heard))
    else:
        rate = heard.rate if heard.rate in RATES else RATES[-1]
        found = _encoded(source, heard, film.add_stream("aac", rate=rate, bit_rate=BITS, layout="stereo"))
    return _before(found, until)


def _before(packets: Iterator[av.Packet], until: int | None) -> Iterator[av.Packet]:
    for packet in packets:
        if until is not None and packet.pts is not None and packet.time_base and packet.pts * packet.time_base * TICKS >= until:
            return
        yield packet


def _copied(source: InputContainer, heard: AudioStream, stream: AudioStream) -> Iterator[av.Packet]:
    """Where clips were joined, times may jump back: what the film has already is left out, since MP4 takes no time twice."""
    late, last = reading.zero(source), None
    with suppress(*reading.DAMAGED):
        for packet in source.demux(heard):
            if packet.pts is None or packet.dts is None or not packet.time_base:
                continue
            shift = round(late / TICKS / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if last is not None and packet.dts <= last:
                continue
            last, packet.stream = packet.dts, stream
            yield packet


def _encoded(source: InputContainer, heard: AudioStream, stream: AudioStream) -> Iterator[av.Packet]:
    context, fifo = stream.codec_context, av.AudioFifo()
    context.open(strict=False)
    for frame in _resampled(source, heard, AudioResampler(context.format, context.layout, context.rate)):
        fifo.write(frame)
        for piece in fifo.read_many(context.frame_size):
            yield from stream.encode(piece)
    if (rest := fifo.read()) is not None:
        yield from stream.encode(rest)
    yield from stream.encode(None)


def _resampled(source: InputContainer, heard: AudioStream, resampler: AudioResampler) -> Iterator[av.AudioFrame]:
    """Samples one after the other, from when the sound begins."""
    start = heard.start_time * heard.time_base if heard.start_time is not None and heard.time_base else Fraction(0)
    due = round((start - Fraction(reading.zero(source), TICKS)) * resampler.rate)
    for frame in _decoded(source, heard):
        for piece in resampler.resample(frame):
            piece.pts, piece.time_base = due, Fraction(1, resampler.rate)
            due += piece.samples
            yield piece


def _decoded(source: InputContainer, heard: AudioStream) -> Iterator[av.AudioFrame | None]:
    """A broken packet is left out; None comes last."""
    with suppress(*reading.DAMAGED):
        for packet in source.demux(heard):
            with suppress(*reading.DAMAGED):
                yield from packet.decode()
    yield None
