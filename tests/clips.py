"""Clips for tests: small ones with a known motion, sound and times, in whatever a stranger may bring."""

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

MS = Fraction(1, 1000)


def scene(width: int = 128, height: int = 96, seed: int = 0) -> np.ndarray:
    """A smooth picture, uint8, wider than what is seen of it."""
    rng = np.random.default_rng(seed)
    rough = (60 + 130 * rng.random((height // 12 + 2, width // 12 + 2, 3))).astype(np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def pan(count: int, *, shape: tuple[int, int] = (96, 128), step: int = 2, seed: int = 0) -> list[np.ndarray]:
    """Frames that glide over a scene, `step` pixels to the left each."""
    h, w = shape
    wide = scene(w + step * count, h, seed)
    return [np.ascontiguousarray(wide[:, step * n : step * n + w]) for n in range(count)]


def encoded(
    frames: Sequence[np.ndarray],
    *,
    format: str = "mp4",
    codec: str = "libx264",
    rate: int | Fraction = 25,
    times: Sequence[int] | None = None,
    sound: str | None = None,
    turned: int = 0,
    seconds: float | None = None,
    live: bool = False,
) -> bytes:
    """times: of the frames, ms. sound: its codec; a hum as long as the pictures, or `seconds`. turned: degrees.

    live: without a length in the header, as WebM is recorded.
    """
    file = io.BytesIO()
    with av.open(file, "w", format=format, options={"live": "1"} if live else {}) as container:
        if len(frames):
            pictures = container.add_stream(codec, rate=rate)
            pictures.height, pictures.width = frames[0].shape[:2]
            pictures.pix_fmt = {"gif": "rgb8", "png": "rgb24", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
            if turned:
                pictures.set_display_rotation(turned)
            if times:
                pictures.codec_context.time_base = MS
        heard = container.add_stream(sound, rate=48000, layout="stereo") if sound else None
        if len(frames):
            for number, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
                if times:
                    frame.pts, frame.time_base = times[number], MS
                container.mux(pictures.encode(frame))
            container.mux(pictures.encode(None))
        if heard:
            _hum(container, heard, seconds or len(frames) / float(rate))
    return file.getvalue()


def _hum(container: OutputContainer, stream: AudioStream, seconds: float) -> None:
    context = stream.codec_context
    context.open(strict=False)
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * 48000)) / 48000)
    resampler, fifo = av.AudioResampler(context.format, "stereo", 48000), av.AudioFifo()
    frame = av.AudioFrame.from_ndarray(np.tile(wave.astype(np.float32), (2, 1)), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    for piece in resampler.resample(frame):
        fifo.write(piece)
    for piece in fifo.read_many(context.frame_size or 1024, partial=True):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def told(data: bytes) -> dict[str, object]:
    """What players make of a film: times in ms."""
    with av.open(io.BytesIO(data), "r") as container:
        pictures = container.streams.video[0]
        sounds = [(s.codec_context.codec.canonical_name, float(s.duration * s.time_base)) for s in container.streams.audio]
        facts = {
            "codec": pictures.codec_context.name,
            "pixels": pictures.codec_context.pix_fmt,
            "size": (pictures.width, pictures.height),
            "seconds": float(pictures.duration * pictures.time_base),
            "sounds": sounds,
        }
        times = [round(1000 * packet.pts * packet.time_base) for packet in container.demux(pictures) if packet.pts is not None]
        return facts | {"times": sorted(times)}  # packets come as they are decoded


def heard(data: bytes) -> np.ndarray:
    """The sound's first channel."""
    with av.open(io.BytesIO(data), "r") as container:
        resampler = av.AudioResampler("fltp", "mono", 48000)
        pieces = [piece.to_ndarray()[0] for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate(pieces)


def seen(data: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(data), "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
