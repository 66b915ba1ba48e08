"""Clips in and films out: whatever a stranger brings is a sentence or a right film; times, sound and uprightness stay."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from nst_core.errors import BadClip
from nst_core.videos import clips, reading
from nst_core.videos.clips import Facts
from nst_core.videos.segments import SEGMENT, Segments
from tests.clips import encoded, heard, pan, seen, told


def copied(data, size=64):
    """A film of the clip's own frames."""
    facts, reel = reading.probe(data), Segments(None)
    frames = list(reading.frames(data, facts.shape(size)))
    for frame in frames:
        reel.add(frame.number, frame.begins, frame.pixels)
    ends = frames[-1].begins + (frames[-1].lasts or 3600)
    return reel.finish(data, len(frames), ends=ends, whole=True)


@pytest.mark.parametrize(
    ("kind", "sound"),
    [
        ({"format": "mp4"}, "aac"),
        ({"format": "mov", "rate": Fraction(30000, 1001)}, "mp3"),
        ({"format": "matroska"}, "pcm_s16le"),
        ({"format": "webm", "codec": "libvpx"}, "libopus"),
        ({"format": "avi", "codec": "mpeg4"}, "mp3"),
        ({"format": "gif", "codec": "gif"}, None),
    ],
    ids=lambda it: it["format"] if isinstance(it, dict) else it,
)
def test_a_film_has_the_times_and_the_sound_of_its_clip(kind, sound):
    count = SEGMENT + 6
    data = encoded(pan(count), sound=sound, **kind)
    film = told(copied(data))
    rate = float(kind.get("rate", 25))
    assert film["times"] == [round(1000 * n / rate) for n in range(count)]
    assert film["seconds"] == pytest.approx(count / rate, abs=0.002)
    assert (film["codec"], film["pixels"], film["size"]) == ("h264", "yuv420p", (64, 48))
    assert [name for name, _ in film["sounds"]] == ([] if sound is None else ["mp3" if sound == "mp3" else "aac"])
    if sound:
        # encoders put some silence before and after: half a tenth of a second at most
        assert film["sounds"][0][1] == pytest.approx(count / rate, abs=0.06)
        wave = heard(copied(data))[9600:28800]  # the same hum
        assert abs(np.fft.rfft(wave)).argmax() * 48000 / len(wave) == pytest.approx(440, abs=3)


def test_a_film_begins_at_once():
    data = copied(encoded(pan(3)))
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_frames_of_a_film_are_what_went_in():
    frames = pan(SEGMENT + 3, shape=(48, 64))
    data = encoded(frames)
    for wanted, found in zip(frames, seen(copied(data)), strict=True):
        assert np.abs(wanted - found.astype(float)).mean() < 6  # twice through H.264


# --- eight clips that are not as they should be -----------------------------------------------------------------------


def test_one_that_is_cut_off_is_painted_as_far_as_it_goes_or_is_a_sentence():
    data = encoded(pan(40), format="matroska")
    half = data[: len(data) * 4 // 5]
    assert 3 < len(list(reading.frames(half, (48, 64)))) < 40
    with pytest.raises(BadClip, match="incomplete or damaged"):
        reading.probe(encoded(pan(40))[:3000])  # an MP4's index comes last


def test_one_with_nothing_but_sound_is_a_sentence():
    for kind in ({"format": "mp4", "sound": "aac"}, {"format": "mp3", "sound": "mp3"}):
        with pytest.raises(BadClip, match="hum contains only sound"):
            reading.probe(encoded([], seconds=1, **kind), "hum")


def test_a_songs_cover_is_no_moving_picture():
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as song:
        cover = song.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = song.add_stream("mp3", rate=48000)
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1152), np.float32), "fltp", "stereo")
        silence.sample_rate, silence.pts = 48000, 0
        song.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        song.mux(cover.encode(None))
        song.mux([*sound.encode(silence), *sound.encode(None)])
    with pytest.raises(BadClip, match="only sound"):
        reading.probe(file.getvalue())


def test_one_of_variable_rate_keeps_its_times():
    times = [0, 40, 50, 200, 233, 640, 700, 1000]
    film = told(copied(encoded(pan(8), format="matroska", times=times)))
    assert film["times"] == times


@pytest.mark.parametrize("kind", ["matroska", "mpegts"])
def test_one_joined_of_two_whose_times_begin_again_is_a_film_with_the_first_ones_sound(kind):
    film = told(copied(2 * encoded(pan(12), format=kind, sound="aac")))
    assert len(film["times"]) == 24
    assert film["sounds"][0][1] == pytest.approx(0.48, abs=0.06)


def test_a_live_recording_is_as_long_as_its_frames_say():
    data = encoded(pan(30), format="webm", codec="libvpx", sound="libopus", live=True)
    with av.open(io.BytesIO(data)) as container:
        assert not container.duration and not container.streams.video[0].duration
    facts = reading.probe(data)
    assert (facts.frames, facts.seconds) == (30, pytest.approx(1.2, abs=0.01))
    assert 10 < reading.probe(data[: len(data) * 2 // 3]).frames < 30


def test_frames_larger_than_the_header_says_are_not_decoded(monkeypatch):
    monkeypatch.setattr(clips, "MAX_PIXELS", 128 * 96)
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuvj420p"
        for number, shape in enumerate([(96, 128), (192, 256), (96, 128)]):
            frame = encoded(pan(1, shape=shape), format="image2pipe", codec="mjpeg")
            packet = av.Packet(frame)
            packet.pts = packet.dts = 40 * number
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 1000), stream, True
            container.mux(packet)
    assert [frame.begins for frame in reading.frames(file.getvalue(), (96, 128))] == [0, 7200]


def test_a_phones_clip_is_upright():
    frames = [np.full((64, 96, 3), 30, np.uint8) for _ in range(3)]
    for frame in frames:
        frame[:, :24] = 220  # light on the left; a quarter turn counterclockwise brings it to the bottom
    data = encoded(frames, turned=90)
    facts = reading.probe(data)
    assert (facts.width, facts.height) == (64, 96)
    (first, *_) = reading.frames(data, facts.shape(96))
    assert first.pixels.shape == (96, 64, 3)
    assert first.pixels[80:].mean() > 180 > 60 > first.pixels[:60].mean()


def test_4k_is_scaled_down_and_more_is_a_sentence():
    data = encoded([np.full((2160, 3840, 3), 90, np.uint8)] * 2)
    assert reading.probe(data).shape(512) == (288, 512)
    assert next(reading.frames(data, (288, 512))).pixels.shape == (288, 512, 3)
    with pytest.raises(BadClip, match="5120×2880 pixels; the maximum is 4K"):
        clips.check_frame("It", 5120, 2880)


def test_a_single_frame_is_a_film_of_one():
    data = encoded(pan(1), rate=5)
    facts = reading.probe(data)
    assert (facts.frames, facts.seconds) == (1, pytest.approx(0.2, abs=0.01))
    assert told(copied(data))["times"] == [0]


@pytest.mark.parametrize("data", [b"", b"Dear Sir or Madam" * 99, b"\x00\x00\x00\x18ftypmp42" + bytes(500)])
def test_what_is_no_clip_is_a_sentence(data):
    with pytest.raises(BadClip, match=r"letter (is empty|cannot be read)"):
        reading.probe(data, "letter")


def test_a_playlist_opens_no_other_file(tmp_path):
    (tmp_path / "secret.mp4").write_bytes(encoded(pan(3)))
    with pytest.raises(BadClip, match="cannot be read"):
        reading.probe(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.mp4\n".encode())


# --- and the rest -----------------------------------------------------------------------------------------------------


def test_what_is_transparent_in_a_gif_is_white():
    from PIL import Image

    clear, solid = (Image.new("RGBA", (64, 64), (200, 0, 0, alpha)) for alpha in (0, 255))
    file = io.BytesIO()
    clear.save(file, "GIF", save_all=True, append_images=[solid], duration=100, disposal=2)
    first, second = reading.frames(file.getvalue(), (64, 64))
    assert first.pixels.min() > 250
    assert second.pixels[..., 1].max() < 5


def test_frames_can_be_had_from_any_number_on():
    data = encoded(pan(12))
    whole, rest = (list(reading.frames(data, (48, 64), start=start)) for start in (0, 7))
    assert [frame.number for frame in rest] == [7, 8, 9, 10, 11]
    for one, other in zip(whole[7:], rest, strict=True):
        assert one.begins == other.begins and (one.pixels == other.pixels).all()


def test_a_strip_of_a_frame_is_refused():
    with pytest.raises(BadClip, match="900×100 pixels"):
        clips.check_frame("It", 900, 100)


def test_both_sides_are_even_and_the_longer_as_asked():
    assert Facts(1920, 1080, 1, 1, False).shape(512) == (288, 512)
    assert Facts(333, 501, 1, 1, False).shape(256) == (256, 170)


def test_a_full_disk_is_a_sentence(tmp_path):
    from nst_core.errors import Failure

    reel = Segments(tmp_path / "parts")
    (tmp_path / "parts").rmdir()
    with pytest.raises(Failure, match="disk of this machine is full"):
        reel.add(0, 0, np.zeros((8, 8, 3), np.uint8))
