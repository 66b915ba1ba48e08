"""Kinds of clips that strangers bring: odd texts, mirrored, brighter than white, transparent, with sound that outlasts them."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from nst_core.videos import reading, run
from tests.clips import encoded, pan

MS = Fraction(1, 1000)


def quarters():
    """A frame with four different corners: red, green; blue, white."""
    frame = np.full((64, 96, 3), 235, np.uint8)
    frame[:32, :48], frame[:32, 48:], frame[32:, :48] = (200, 20, 20), (20, 160, 40), (30, 40, 200)
    return frame


def first(data):
    facts = reading.probe(data)
    return next(iter(reading.frames(data, facts.shape(max(facts.width, facts.height))))).pixels


class Plain:
    """A painter that leaves frames as they are."""

    def begin(self, content):
        pass

    def paint(self, content):
        return content

    def finish(self, content, painted):
        return painted


def filmed(data):
    from nst_core.recipes import Source, VideoRecipe

    recipe = VideoRecipe(content=Source(name="clip"), network=Source(name="none"), size=256, steadiness=0)
    return list(run.Filming(data, [], recipe, painter=Plain()))[-1]


def test_texts_that_are_not_utf8_are_no_obstacle():
    plain = io.BytesIO()
    with av.open(plain, "w", format="mp4") as container:
        container.metadata["title"] = "Cafe in Genova"
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for pixels in [quarters()] * 3:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    data = plain.getvalue()
    assert b"Cafe in" in data
    assert reading.probe(data.replace(b"Cafe in", b"Caf\xe9 in")).frames == 3


def test_a_gifs_comment_may_be_in_any_alphabet():
    data = encoded(pan(3), format="gif", codec="gif", rate=10)
    place = data.index(b"!\xff\x0bNETSCAPE")
    comment = "Saved by Photoshop für Köln".encode("latin-1")
    facts = reading.probe(data[:place] + b"!\xfe" + bytes([len(comment)]) + comment + b"\0" + data[place:])
    assert (facts.frames, facts.seconds) == (3, pytest.approx(0.3, abs=0.011))


SHOWN = {  # a, b, c, d of the display matrix -> what is shown of an array
    (1, 0, 0, 1): lambda x: x,
    (0, 1, -1, 0): lambda x: np.rot90(x, -1),
    (-1, 0, 0, -1): lambda x: np.rot90(x, 2),
    (0, -1, 1, 0): lambda x: np.rot90(x, 1),
    (-1, 0, 0, 1): lambda x: x[:, ::-1],
    (1, 0, 0, -1): lambda x: x[::-1],
    (0, 1, 1, 0): lambda x: x.swapaxes(0, 1),
    (0, -1, -1, 0): lambda x: x[::-1, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("matrix", SHOWN, ids=str)
def test_clips_are_shown_as_their_display_matrix_says(matrix):
    a, b, c, d = (value * 65536 for value in matrix)
    data = bytearray(encoded([quarters()] * 2))
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    expected = SHOWN[matrix](quarters())
    found = first(bytes(data))
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 6  # through H.264


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
def test_highlights_brighter_than_white_are_compressed_and_greys_are_right(transfer):
    """Five greys, at 0, a tenth, half and all of diffuse white, and at 1000 cd/m²: the last is the brightest."""
    light = np.array([0, 0.1, 0.5, 1, 1000 / 203])
    if transfer == 16:
        power = (light * 203 / 10_000) ** 0.1593017578125
        codes = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:
        scene = (light * 203 / 1000) ** (1 / 1.2)
        bright = 0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.28466892) + 0.55991073
        codes = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    luma = np.round(64 + 876 * codes).astype(np.uint16).repeat(32)[None].repeat(64, 0)
    chroma = np.full((32, 80), 512, np.uint16)
    array = np.concatenate([luma.ravel(), chroma.ravel(), chroma.ravel()]).reshape(96, 160)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0"})
        stream.height, stream.width, stream.pix_fmt = 64, 160, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = transfer, 9, 9, 1
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(array, "yuv420p10le")
            frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = transfer, 9, 9, 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    greys = first(file.getvalue())[32, 16::32].astype(int)
    assert (np.ptp(greys, axis=1) <= 2).all()  # grey
    assert greys[:3, 0].tolist() == pytest.approx([0, 89, 188], abs=3)  # sRGB of 0, 0.1 and 0.5
    assert 188 < greys[3, 0] < greys[4, 0] <= 255
    assert greys[4, 0] > 250


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_what_is_transparent_in_a_webm_is_white(codec):
    file, frame = io.BytesIO(), np.zeros((64, 64, 4), np.uint8)
    frame[..., 0], frame[:, :32, 3] = 200, 255
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream(codec, rate=25, options={"auto-alt-ref": "0"})
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgba").reformat(format="yuva420p")))
        container.mux(stream.encode(None))
    seen = first(file.getvalue())
    assert seen[:, 40:].min() > 245
    assert seen[:, :24, 1].max() < 40


@pytest.mark.parametrize("kind", [{"format": "matroska"}, {"format": "webm", "codec": "libvpx"}, {"format": "mp4"}], ids=str)
def test_sound_that_outlasts_the_pictures_is_kept_and_nothing_breaks_off(kind):
    data = encoded(pan(10), sound="libopus" if "codec" in kind else "aac", seconds=2.0, **kind)
    facts = reading.probe(data)
    assert (facts.frames, facts.seconds) == (10, pytest.approx(0.4, abs=0.02))
    film = filmed(data)
    assert film.notice == ""
    with av.open(io.BytesIO(film.mp4)) as container:
        sound = container.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(2.0, abs=0.06)


def test_pictures_that_begin_late_do_not_break_off():
    data = encoded(pan(10), format="matroska", times=[5000 + 40 * n for n in range(10)])
    facts = reading.probe(data)
    assert (facts.frames, facts.seconds) == (10, pytest.approx(0.4, abs=0.02))
    assert filmed(data).notice == ""


@pytest.mark.parametrize("sound", [None, "aac"])
def test_what_is_cut_off_still_says_so(sound):
    data = encoded(pan(80), format="matroska", sound=sound)
    film = filmed(data[: len(data) // 2])
    assert film.notice.startswith("The clip ends after")
    assert "of 3.2" in film.notice
