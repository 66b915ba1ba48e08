"""Previews of a run to a film: what comes out is decoded again."""

import io
import tempfile

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import Failure, UserError
from nst_core.pictures import timelapse


def frame(height, width, shade=0.5, seed=None):
    """A preview: a flat grey, or blobs where a seed is given."""
    if seed is None:
        return images.encode(np.full((height, width, 3), shade, np.float32), "jpeg", quality=85)
    noise = np.random.default_rng(seed).random((height // 8, width // 8, 3), np.float32)
    return images.encode(images.resize(noise, height, width), "jpeg", quality=85)


def decoded_gif(data):
    """([(h, w, 3)…], [milliseconds…], how often it repeats)"""
    with Pillow.open(io.BytesIO(data)) as film:
        pictures, durations = [], []
        for number in range(film.n_frames):
            film.seek(number)
            pictures.append(np.asarray(film.convert("RGB")) / 255)
            durations.append(film.info.get("duration"))
        return pictures, durations, film.info.get("loop")


def decoded_mp4(data):
    """((n, h, w, 3), the stream's codec context)"""
    with av.open(io.BytesIO(data)) as container:
        (stream,) = container.streams
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.average_rate == timelapse.MP4_RATE
        return np.stack(pictures) / 255, stream.codec_context


def as_shown(data):
    return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB")) / 255


# coarse to fine, as a run leaves them
GROWING = [frame(24, 32, 0.1), frame(48, 64, 0.4), frame(96, 128, 0.7), frame(96, 128, seed=3)]


def test_a_gif_has_every_picture_at_the_last_ones_size():
    pictures, durations, loop = decoded_gif(timelapse.gif(GROWING, seconds=4))
    assert [picture.shape for picture in pictures] == [(96, 128, 3)] * 4
    assert loop == 0  # for ever
    assert durations == [750, 750, 750, 1750]  # a quarter of the time rests on the last
    assert [round(picture.mean(), 1) for picture in pictures[:3]] == [0.1, 0.4, 0.7]


def test_a_gifs_last_picture_is_the_last_frame():
    last = decoded_gif(timelapse.gif(GROWING))[0][-1]
    assert np.abs(last - as_shown(GROWING[-1])).mean() < 0.06  # 128 colours, dithered; another picture would be at 0.29


def test_small_changes_add_up_until_they_show():
    rising = [frame(32, 32, 0.3 + 0.01 * k) for k in range(20)]
    means = [picture.mean() for picture in decoded_gif(timelapse.gif(rising))[0]]
    assert len(means) < 20  # what looks alike is shown once, longer
    assert means[0] == pytest.approx(0.30, abs=0.02)
    assert means[-1] == pytest.approx(0.49, abs=0.02)


def test_a_gif_of_many_pictures_is_thinned_out():
    many = [frame(32, 32, seed=k) for k in range(99)]
    pictures, durations, _ = decoded_gif(timelapse.gif(many))
    assert len(pictures) == timelapse.GIF_PICTURES
    assert sum(durations) == pytest.approx(6000, abs=400)  # a GIF counts hundredths
    assert np.abs(pictures[0] - as_shown(many[0])).mean() < 0.1
    assert np.abs(pictures[-1] - as_shown(many[-1])).mean() < 0.1


def test_a_gif_of_a_run_stays_below_four_megabytes():
    """Fifty pictures: a texture that appears, a tenth of it new each time, with a JPEG's own noise."""
    rng = np.random.default_rng(0)
    target = images.resize(rng.random((128, 128, 3), np.float32), 512, 512)
    picture, frames = np.full((512, 512, 3), 0.5, np.float32), []
    for _ in range(50):
        picture = picture + 0.1 * (target - picture) + rng.normal(0, 0.01, picture.shape).astype(np.float32)
        frames.append(images.thumbnail(np.clip(picture, 0, 1), 512))
    assert 100_000 < len(timelapse.gif(frames)) < 4_000_000


def test_an_mp4_lasts_as_long_as_asked_and_ends_with_the_last_frame():
    pictures, stream = decoded_mp4(timelapse.mp4(GROWING, seconds=4))
    assert len(pictures) == pytest.approx(4 * timelapse.MP4_RATE, abs=1)
    assert pictures.shape[1:] == (96, 128, 3)
    assert (stream.name, stream.pix_fmt) == ("h264", "yuv420p")
    assert (stream.color_range, stream.colorspace, stream.color_primaries, stream.color_trc) == (1, 1, 1, 1)  # limited, BT.709
    assert pictures[10].mean() == pytest.approx(0.1, abs=0.02)  # each of the four has 0.75 s
    assert pictures[30].mean() == pytest.approx(0.4, abs=0.02)
    assert pictures[50].mean() == pytest.approx(0.7, abs=0.02)
    for picture in pictures[[74, 79, -1]]:  # from a second before the end it rests
        assert np.abs(picture - as_shown(GROWING[-1])).mean() < 0.05  # colour at half the resolution


def test_an_mp4_can_be_played_while_it_loads():
    data = timelapse.mp4(GROWING)
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("height", "width"), [(97, 129), (96, 129), (97, 128)])
def test_odd_sides(height, width):
    frames = [frame(49, 65, 0.2), frame(height, width, seed=1)]
    pictures, _, _ = decoded_gif(timelapse.gif(frames))
    assert [picture.shape for picture in pictures] == [(height, width, 3)] * 2
    film, _ = decoded_mp4(timelapse.mp4(frames, seconds=1))
    assert film.shape[1:] == (96, 128, 3)
    assert np.abs(film[-1] - as_shown(frames[-1])[:96, :128]).mean() < 0.05


def test_a_single_frame_is_a_film_of_one_picture():
    one = [frame(64, 96, 0.6)]
    pictures, _, _ = decoded_gif(timelapse.gif(one))
    assert len(pictures) == 1
    assert pictures[0].mean() == pytest.approx(0.6, abs=0.01)
    film, _ = decoded_mp4(timelapse.mp4(one, seconds=2))
    assert len(film) == pytest.approx(2 * timelapse.MP4_RATE, abs=1)
    assert film[[0, -1]].mean() == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("make", timelapse.FORMATS.values())
def test_without_frames_it_says_so(make):
    with pytest.raises(UserError, match="let the run make some steps first"):
        make([])


def test_a_film_that_cannot_be_written_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(Failure, match="The film could not be made"):
        timelapse.mp4(GROWING)
