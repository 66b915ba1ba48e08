"""Make a time-lapse of a run: JPEG previews, oldest first, become an animated GIF or an MP4.

Coarse-to-fine runs make previews of several sizes; all are resized to the last one. The last quarter shows the final picture.
Does not use TensorFlow.
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from nst_core.errors import Failure, UserError

if TYPE_CHECKING:
    from av.container import OutputContainer

SECONDS = 6.0  # of the whole film
REST = 0.25  # of it, for the last picture

# These limits make 2 to 4 MB of 50 pictures of 512×512 pixels; all of them in 256 colours would be 8 to 14.
GIF_PICTURES, GIF_COLOURS = 40, 128
TOLERANCE = 24  # of 255: pixels keep their colour until they have changed more, which saves space
GIF_SHORTEST = 20  # ms; browsers show shorter frames for 100 ms

MP4_RATE = 25  # per second: phones expect common rates, and repeated pictures take little space
MP4_QUALITY = 20  # x264's constant rate factor; 0 is without loss, 23 its default


def gif(frames: Sequence[bytes], *, seconds: float = SECONDS) -> bytes:
    """Return an endless GIF of at most GIF_PICTURES pictures with one common palette; a single frame makes a still picture.

    Raises: UserError without frames.
    """
    pictures = _pictures(_spread(frames, GIF_PICTURES))
    palette = _palette(pictures)
    reduced = [picture.quantize(palette=palette, dither=Pillow.Dither.NONE) for picture in _steadied(pictures[:-1])]
    reduced.append(pictures[-1].quantize(palette=palette, dither=Pillow.Dither.FLOYDSTEINBERG))  # shown longest
    each = max(GIF_SHORTEST, round(1000 * seconds * (1 - REST) / len(reduced)))
    durations = [each] * (len(reduced) - 1) + [each + round(1000 * seconds * REST)]
    file = io.BytesIO()
    reduced[0].save(file, "GIF", save_all=True, append_images=reduced[1:], duration=durations, loop=0)
    return file.getvalue()


def mp4(frames: Sequence[bytes], *, seconds: float = SECONDS) -> bytes:
    """Return an MP4 with H.264 in 4:2:0, which every browser and phone plays. Odd sides are cropped by a pixel.

    Imports PyAV: call it in a worker or on the command line, never in a page. Raises: UserError without frames; Failure if the
    video cannot be written.
    """
    import av

    pictures = _pictures(frames)
    try:
        with tempfile.TemporaryDirectory() as folder:  # a pipe cannot hold an MP4, whose index is moved to the front
            film = Path(folder) / "film.mp4"
            with av.open(str(film), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                _encode(container, pictures, seconds)
            return film.read_bytes()
    except (OSError, av.FFmpegError) as error:
        reason = " ".join(str(error).split())[:160]
        raise Failure(f"The film could not be made ({reason}); the GIF takes less room.") from error


def _encode(container: "OutputContainer", pictures: Sequence[Pillow.Image], seconds: float) -> None:
    """Write each picture for as many frames as it is shown."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    stream = container.add_stream("libx264", rate=MP4_RATE, options={"crf": str(MP4_QUALITY)})
    stream.width, stream.height = (side // 2 * 2 for side in pictures[0].size)
    stream.pix_fmt, context = "yuv420p", stream.codec_context
    context.color_range = context.colorspace = 1  # limited range, BT.709: stored in the file, because players guess differently
    context.color_primaries = context.color_trc = 1
    for picture, times in zip(pictures, _shown(len(pictures), seconds), strict=True):
        pixels = np.asarray(picture)[: stream.height, : stream.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        for time in times:
            frame.pts, frame.time_base = time, Fraction(1, MP4_RATE)
            container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _shown(count: int, seconds: float) -> Iterator[range]:
    """Yield the range of frames that each picture fills; the last picture also gets the final quarter."""
    each = MP4_RATE * seconds * (1 - REST) / count
    ends = [round(each * (k + 1)) for k in range(count - 1)] + [round(MP4_RATE * seconds)]
    yield from map(range, [0, *ends], ends)


# by the suffix of the file
FORMATS: Mapping[str, Callable[..., bytes]] = {".gif": gif, ".mp4": mp4}


def _pictures(frames: Sequence[bytes]) -> list[Pillow.Image]:
    """Decode previews to RGB, all at the last one's size."""
    if not frames:
        raise UserError("There are no pictures for a time-lapse yet; let the run make some steps first.")
    decoded = [Pillow.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    return [picture.resize(decoded[-1].size, Pillow.Resampling.BICUBIC) for picture in decoded]


def _spread(frames: Sequence[bytes], most: int) -> list[bytes]:
    """Select at most so many frames evenly, including the first and the last."""
    if len(frames) <= most:
        return list(frames)
    return [frames[round(place)] for place in np.linspace(0, len(frames) - 1, most)]


def _palette(pictures: Sequence[Pillow.Image]) -> Pillow.Image:
    """Return a palette for the beginning, middle and end, with the end counted twice."""
    chosen = (pictures[i] for i in (0, len(pictures) // 2, -1, -1))
    samples = [np.asarray(picture.resize((128, 128), Pillow.Resampling.NEAREST)) for picture in chosen]
    return Pillow.fromarray(np.concatenate(samples)).quantize(GIF_COLOURS, kmeans=1)


def _steadied(pictures: Sequence[Pillow.Image]) -> Iterator[Pillow.Image]:
    """Yield the pictures with pixels unchanged from the previous picture where they differ too little to be noticed."""
    if not pictures:
        return
    shown = np.asarray(pictures[0], np.int16)  # (h, w, 3)
    for picture in pictures:
        new = np.asarray(picture, np.int16)
        shown = np.where(np.abs(new - shown).max(-1, keepdims=True) > TOLERANCE, new, shown)
        yield Pillow.fromarray(shown.astype(np.uint8))
