"""Formats: kinds of files that others read and Pillow does not, or wrongly, or only at full size, come in as they are seen."""

import io
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import BadPicture
from nst_core.formats import colorspaces, png
from tests.formats import bmp, chunk, heic, lzw_tiff, png16, tiff

STEP = 1 / 255
HALF = 0.51 * STEP  # what rounding to 8 bits may change


def ramp(height=48, width=64):
    """(h, w, 3) in [0, 1]: red grows to the right, green downwards."""
    red, green = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return np.stack([red, green, np.full_like(red, 0.5)], -1)


def linear(srgb):
    """What sRGB values are in linear light, as the standard has it."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def saved(picture, format="PNG", **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def gama(gamma):
    return chunk(b"gAMA", round(gamma * 100_000).to_bytes(4, "big"))


def chrm(*numbers):
    return chunk(b"cHRM", b"".join(round(number * 100_000).to_bytes(4, "big") for number in numbers))


def cicp(primaries, transfer):
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)  # white, red, green, blue
OF_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


# --- PNG --------------------------------------------------------------------------------------------------------------


def test_sixteen_bits_come_in_whole_through_every_filter():
    noise = np.random.default_rng(0).integers(0, 65536, (40, 48, 4)) / 65535
    noise[..., 3] = 1
    for array in (noise, noise[..., :3], noise[..., :1], noise[..., 2:]):
        colors = array[..., :3] if array.shape[-1] > 2 else array[..., :1]
        assert np.abs(images.decode(png16(array)) - colors).max() < HALF
    noise[..., 3] = 0.3
    for array in (noise, noise[..., 2:]):
        assert np.abs(images.opacity(png16(array)) - 0.3).max() < HALF


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 0.7, 1 / 2.6])
def test_gamma_is_honoured_and_keeps_dark_tones(gamma):
    stored = linear(ramp()) ** gamma
    assert np.abs(images.decode(png16(stored, gama(gamma))) - ramp()).max() < HALF
    assert np.abs(images.decode(png16(stored[..., :1], gama(gamma))) - ramp()[..., :1]).max() < HALF


def test_gamma_of_eight_bits_and_of_palettes():
    stored = linear(ramp()) ** (1 / 1.8)
    picture = Pillow.fromarray(images.to_uint8(stored))
    for shown in (picture, picture.convert("RGBA"), picture.quantize(200)):
        plain = saved(shown)
        data = plain[:33] + gama(1 / 1.8) + plain[33:]
        values = np.asarray(shown.convert("RGB")) / 255
        expected = colorspaces.srgb_encoded(values**1.8)
        assert np.abs(images.decode(data) - expected).max() < HALF


@pytest.mark.parametrize("chunks", [(gama(0.45455),), (gama(0.45455), chrm(*OF_SRGB)), (chunk(b"sRGB", b"\0"), gama(1.0))])
def test_what_amounts_to_srgb_changes_nothing(chunks):
    assert np.abs(images.decode(png16(ramp(), *chunks)) - ramp()).max() < HALF


def test_a_profile_goes_before_gamma_and_cicp_before_a_profile():
    plain = saved(Pillow.fromarray(images.to_uint8(ramp())), icc_profile=colorspaces.profile(colorspaces.PRIMARIES[12]))
    through_profile = images.decode(plain)
    assert np.abs(through_profile - ramp()).max() > 0.02
    assert (images.decode(plain[:33] + gama(1.0) + plain[33:]) == through_profile).all()
    assert np.abs(images.decode(plain[:33] + cicp(1, 13) + plain[33:]) - ramp()).max() < HALF


@pytest.mark.parametrize("chunks", [(gama(0.45455), chrm(*P3)), (cicp(12, 13),)], ids=["cHRM", "cICP"])
def test_primaries_are_converted(chunks):
    """Display P3's red is outside of sRGB; its greys are sRGB's; sRGB's red in P3 is (0.9175, 0.2003, 0.1386)."""
    array = np.zeros((32, 40, 3))
    array[:, :10], array[:, 10:20], array[:, 20:] = (1, 0, 0), 0.5, (0.9175, 0.2003, 0.1386)
    image = images.decode(png16(array, *chunks))
    assert image[0, 0].tolist() == pytest.approx([1, 0, 0], abs=2 * STEP)
    assert image[0, 10].tolist() == pytest.approx([0.5] * 3, abs=2 * STEP)
    assert image[0, 20].tolist() == pytest.approx([1, 0, 0], abs=8 * STEP)


def test_linear_light_and_pq_of_cicp():
    assert np.abs(images.decode(png16(linear(ramp()), cicp(1, 8))) - ramp()).max() < HALF
    for nits, expected in ((203 * 0.5, 0.7354), (0, 0), (10_000, 1)):  # half of white is 0.7354 in sRGB
        power = (nits / 10_000) ** 0.1593017578125
        code = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
        image = images.decode(png16(np.full((32, 32, 3), code), cicp(9, 16)))
        assert image[0, 0].tolist() == pytest.approx([expected] * 3, abs=2 * STEP)


def test_impossible_colours_are_ignored():
    for chunks in ((gama(0),), (gama(30),), (chrm(*[0.3] * 8),), (chrm(*[0.0] * 8),), (cicp(2, 2),), (cicp(200, 200),)):
        assert np.abs(images.decode(png16(ramp(), *chunks)) - ramp()).max() < HALF


def test_highlights_are_compressed_and_the_rest_is_left_alone():
    light = np.linspace(0, colorspaces.PEAK, 400, dtype=np.float32)
    mapped = colorspaces.tone_mapped(light)
    assert (mapped[light <= colorspaces.KNEE] == light[light <= colorspaces.KNEE]).all()
    assert (np.diff(mapped) > 0).all()
    assert mapped[-1] == pytest.approx(1)
    assert colorspaces.hlg_linear(np.array([0.75]))[0] == pytest.approx(1, abs=0.01)  # HLG's diffuse white is 75 %


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("side", [50, 300])
def test_a_large_png_is_read_band_by_band_as_it_is_read_whole(mode, side, monkeypatch):
    noise = np.random.default_rng(0).integers(60, 200, (9, 11, 4), dtype=np.uint8)
    picture = Pillow.fromarray(noise).resize((463, 317), Pillow.Resampling.BICUBIC).convert(mode)
    data = saved(picture)
    whole, clear = images.decode(data, max_side=side, over="nearest"), images.opacity(data, max_side=side)
    monkeypatch.setattr(png, "LARGE", 1000)
    monkeypatch.setattr(png, "BAND", 463 * 20)
    assert png.wants(png.header(data), side)
    off = np.abs(images.decode(data, max_side=side, over="nearest") - whole)
    if "A" not in mode:
        assert off.max() < 2.1 * STEP
    else:  # whole, it is multiplied by alpha in 8 bits, of which 60 may be all
        assert off.max() < 8 * STEP and off.mean() < STEP
        assert np.abs(images.opacity(data, max_side=side) - clear).max() < 2.1 * STEP


@pytest.mark.parametrize("large", [1000, 10**9], ids=["band by band", "whole"])
@pytest.mark.parametrize("side", [50, 150])
def test_smaller_solid_parts_stay_solid_and_clear_ones_clear(large, side, monkeypatch):
    monkeypatch.setattr(png, "LARGE", large)
    array = np.full((240, 300, 4), 255, np.uint8)
    array[:, 150:, 3] = 0
    alpha = images.opacity(saved(Pillow.fromarray(array)), max_side=side)
    assert (alpha[:, : side // 2 - 1].min(), alpha[:, side // 2 + 1 :].max()) == (1, 0)


def test_bands_are_upright_and_damage_in_them_is_a_sentence(monkeypatch):
    monkeypatch.setattr(png, "LARGE", 1000)
    monkeypatch.setattr(png, "BAND", 5000)
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = saved(Pillow.fromarray(images.to_uint8(ramp(200, 300))), exif=exif)
    image = images.decode(data, max_side=40)
    assert image.shape == (40, 27, 3)
    assert image[0, 0, 1] > 0.9 > 0.1 > image[0, -1, 1]  # what was below is left
    for broken in (data[: len(data) // 2], data.replace(b"IDAT", b"IDAT\0", 1)):
        with pytest.raises(BadPicture):
            images.decode(broken, max_side=40)


def test_a_large_png_costs_little_memory():
    script = """
import resource, sys
from nst_core import images
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert images.decode(data, max_side=256).shape == (256, 256, 3)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    data = saved(Pillow.new("RGB", (4000, 4000), (10, 200, 90)), compress_level=1)
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True)
    assert int(done.stdout) < 50  # MB; decoded whole it would be 64, and copies of it


# --- TIFF -------------------------------------------------------------------------------------------------------------

TYPES = {"u2": 65535, "u4": 2**32 - 1, "i2": 32767, "f2": 1, "f4": 1, "f8": 1}
DEEP = [
    case
    for case in product(TYPES, ["contig", "separate"], "<>", [1, 3, 4], [None, "zlib"], [None, (32, 32)])
    if not (case[3] == 1 and case[1] == "separate")
]


def deep(kind, planar, order, samples, compression, tile, **options):
    array = np.concatenate([ramp(), np.ones((48, 64, 1))], -1)[..., :samples]
    array = (array if kind[0] == "f" else np.round(array * TYPES[kind])).astype(kind)
    array = np.moveaxis(array, -1, 0) if planar == "separate" else array[..., 0] if samples == 1 else array
    told = {"photometric": "minisblack" if samples == 1 else "rgb", "extrasamples": ["unassalpha"] if samples == 4 else None}
    told |= {"planarconfig": planar if samples > 1 else None, "byteorder": order, "compression": compression, "tile": tile}
    return tiff(array, **told | {"rowsperstrip": None if tile else 7} | options)


@pytest.mark.parametrize("case", DEEP, ids=str)
def test_deep_tiffs_come_in_as_they_are(case):
    expected = ramp() if case[3] > 1 else np.repeat(ramp()[..., :1], 3, -1)
    assert np.abs(images.decode(deep(*case)) - expected).max() < HALF + 0.001 * (case[0] == "f2")


@pytest.mark.parametrize("kind", TYPES)
def test_white_may_be_zero(kind):
    stored = ramp()[..., 0] if kind[0] == "f" else np.round(ramp()[..., 0] * TYPES[kind])
    for order in "<>":
        data = tiff((TYPES[kind] - stored).astype(kind), photometric="miniswhite", byteorder=order)
        assert np.abs(images.decode(data)[..., 1] - ramp()[..., 0]).max() < HALF + 0.001 * (kind == "f2")


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("order", "<>")
def test_differences_along_rows_are_added_up(planar, order):
    data = deep("u2", planar, order, 3, "zlib", None, predictor=True)
    assert np.abs(images.decode(data) - ramp()).max() < HALF


@pytest.mark.parametrize("predictor", [1, 2])
def test_lzw(predictor):
    plane = np.round(ramp()[..., 0] * 65535).astype(np.uint16)
    assert np.abs(images.decode(lzw_tiff(plane, predictor))[..., 2] - ramp()[..., 0]).max() < HALF


def test_alpha_of_deep_tiffs():
    array = np.concatenate([ramp(), np.full((48, 64, 1), 0.25)], -1)
    multiplied = np.concatenate([array[..., :3] * 0.25, array[..., 3:]], -1)
    for stored, what in ((array, "unassalpha"), (multiplied, "assocalpha")):
        data = tiff(np.round(stored * 65535).astype(np.uint16), photometric="rgb", extrasamples=[what])
        assert images.opacity(data) == pytest.approx(np.full((48, 64), 0.25), abs=HALF)
        assert np.abs(images.decode(data, over="nearest") - ramp()).max() < HALF


@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_deep_tiffs_are_reduced_as_they_are_read(tile, monkeypatch):
    from nst_core.formats import tiff as reading

    large = np.round(ramp(310, 450) * 65535).astype(np.uint16)
    for planar in ("contig", "separate"):
        array = np.moveaxis(large, -1, 0) if planar == "separate" else large
        data = tiff(array, photometric="rgb", planarconfig=planar, tile=tile, rowsperstrip=None if tile else 7)
        whole = images.fit(images.decode(data), 40)
        monkeypatch.setattr(reading, "BAND", 20_000)
        assert np.abs(images.decode(data, max_side=40) - whole).max() < 2.1 * STEP


def test_a_deep_tiff_that_is_cut_off_or_lies_is_a_sentence():
    data = deep("u2", "separate", "<", 3, None, None)
    with pytest.raises(BadPicture, match="damaged"):
        images.decode(data[: len(data) // 2])
    lying = data.replace((64).to_bytes(2, "little") + b"\0\0", (60_000).to_bytes(2, "little") + b"\0\0", 1)
    with pytest.raises(BadPicture):
        images.decode(lying)


def test_highlights_of_floats_are_clipped():
    array = ramp().astype(np.float32)
    array[:4] = 3
    assert np.abs(images.decode(tiff(array, photometric="rgb"))[4:] - ramp()[4:]).max() < HALF


# --- BMP --------------------------------------------------------------------------------------------------------------

MASKS = {
    (16, (0xF800, 0x07E0, 0x001F)): (5, 6, 5),
    (16, (0x0F00, 0x00F0, 0x000F)): (4, 4, 4),
    (16, (0x00C0, 0x0038, 0x0007)): (2, 3, 3),
    (32, (0x3FF00000, 0x000FFC00, 0x000003FF)): (10, 10, 10),
    (32, (0x000000FF, 0x0000FF00, 0x00FF0000)): (8, 8, 8),
    (32, (0x7F800000, 0x007F8000, 0x00007F80)): (8, 8, 8),
}


@pytest.mark.parametrize("case", MASKS, ids=str)
@pytest.mark.parametrize("top_down", [False, True])
def test_bitmaps_of_any_masks(case, top_down):
    (bits, masks), depths = case, MASKS[case]
    values = np.zeros((48, 64), np.uint32)
    for channel, (mask, depth) in enumerate(zip(masks, depths, strict=True)):
        shift = (mask & -mask).bit_length() - 1
        values |= np.round(ramp()[..., channel] * (2**depth - 1)).astype(np.uint32) << shift
    rows = values if top_down else values[::-1]
    data = bmp(64, 48, bits, rows.astype(f"<u{bits // 8}").tobytes(), masks=masks, top_down=top_down)
    assert np.abs(images.decode(data) - ramp()).max() < 0.5 / (2 ** min(depths) - 1) + HALF


def test_alpha_of_bitmaps():
    values = np.full((40, 32), 0x4000FF00, np.uint32)
    data = bmp(32, 40, 32, values.tobytes(), masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000), header=108)
    assert images.opacity(data) == pytest.approx(np.full((40, 32), 64 / 255), abs=HALF)
    assert images.decode(data, over="nearest")[0, 0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_any_depth(bits):
    numbers = np.arange(40 * 36).reshape(40, 36) % 2**bits
    colors = np.random.default_rng(bits).integers(0, 256, (2**bits, 3))
    each = np.unpackbits(numbers.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :].reshape(40, -1)
    rows = np.packbits(each, axis=-1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))[::-1]
    palette = b"".join(bytes([*color[::-1], 0]) for color in colors.tolist())
    image = images.decode(bmp(36, 40, bits, rows.tobytes(), palette=palette))
    assert (images.to_uint8(image) == colors[numbers]).all()


def test_other_bitmaps_are_as_they_were():
    picture = Pillow.fromarray(images.to_uint8(ramp()))
    for shown in (picture, picture.quantize(200), picture.convert("L"), picture.convert("1")):
        assert (images.to_uint8(images.decode(saved(shown, "BMP"))) == np.asarray(shown.convert("RGB"))).all()


# --- GIF, AVIF, HEIC, JPEG --------------------------------------------------------------------------------------------


def test_around_a_small_first_frame_is_nothing():
    plain = saved(Pillow.new("P", (64, 40), 1), "GIF")
    place = plain.index(b",")
    larger = plain[:6] + (100).to_bytes(2, "little") + (80).to_bytes(2, "little") + plain[10:place]
    data = larger + b"," + (20).to_bytes(2, "little") + (30).to_bytes(2, "little") + plain[place + 5 :]
    alpha = images.opacity(data)
    assert alpha.shape == (80, 100)
    assert alpha[30:70, 20:84].min() == 1
    assert alpha.sum() == 64 * 40
    assert images.decode(data)[0, 0].tolist() == [1, 1, 1]


def test_avif():
    data = saved(Pillow.fromarray(images.to_uint8(ramp())), "AVIF", quality=95)
    assert np.abs(images.decode(data) - ramp()).mean() < 2 * STEP
    with pytest.raises(BadPicture):
        images.decode(data[: len(data) // 2])


def test_heic():
    pixels = images.to_uint8(ramp(64, 96))
    data = heic(pixels)
    assert np.abs(images.decode(data) - pixels / 255).mean() < 3 * STEP
    assert images.decode(data, max_side=48).shape == (32, 48, 3)
    for broken in (data[:100], data[: len(data) * 2 // 3], data[:12] + bytes(200)):
        with pytest.raises(BadPicture, match=r"not a picture|damaged"):
            images.decode(broken)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("max_side", [None, 90])
def test_of_a_jpeg_that_is_cut_off_the_top_is_read_and_it_is_told(progressive, max_side):
    noise = np.random.default_rng(0).integers(0, 256, (200, 160, 3), dtype=np.uint8)
    data, told = saved(Pillow.fromarray(noise), "JPEG", quality=90, progressive=progressive), []
    whole = images.decode(data, max_side=max_side)
    half = images.decode(data[: len(data) // 2], name="cat.jpg", max_side=max_side, warn=told.append)
    assert half.shape == whole.shape
    assert told == ["cat.jpg is incomplete: its lower part is missing. Upload it again to get all of it."]
    if not progressive:
        top = slice(0, len(whole) // 3)
        assert np.abs(half[top] - whole[top]).max() == 0
    images.decode(data, warn=told.append)
    assert len(told) == 1


# --- alpha ------------------------------------------------------------------------------------------------------------


def cutout(hidden=(0, 255, 0)):
    """RGBA: a red disc, soft at its edge, on a ground that is transparent but has a colour."""
    y, x = np.mgrid[:80, :100]
    alpha = np.clip(30.5 - np.hypot(y - 40, x - 50), 0, 1)
    array = np.zeros((80, 100, 4), np.uint8)
    array[...], array[alpha > 0] = (*hidden, 0), (200, 30, 10, 0)
    array[..., 3] = np.round(alpha * 255)
    return array


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})])
@pytest.mark.parametrize("max_side", [None, 60])
def test_under_transparent_parts_are_the_colours_of_the_nearest_opaque_ones(format, options, max_side):
    data = saved(Pillow.fromarray(cutout()), format, **options)
    image = images.decode(data, max_side=max_side, over="nearest")
    assert np.abs(image * 255 - (200, 30, 10)).max() < 20  # Lanczos rings; green or white were 200 off
    alpha = images.opacity(data, max_side=max_side)
    assert alpha.shape == image.shape[:2]
    assert (alpha.min(), alpha.max()) == (0, 1)


def test_a_picture_that_is_opaque_or_wholly_transparent():
    opaque = cutout()
    opaque[..., 3] = 255
    assert images.opacity(saved(Pillow.fromarray(opaque))) is None
    assert images.opacity(saved(Pillow.fromarray(opaque[..., :3]), "JPEG")) is None
    opaque[..., 3] = 0
    assert images.opacity(saved(Pillow.fromarray(opaque))).max() == 0
    assert images.decode(saved(Pillow.fromarray(opaque)), over="nearest").shape == (80, 100, 3)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_alpha_is_written_and_read_again(format):
    alpha = images.from_uint8(cutout()[..., 3])
    data = images.encode(np.full((80, 100, 3), 0.5, np.float32), format, alpha=alpha)
    assert np.abs(images.opacity(data) - alpha).max() < HALF


def test_a_jpeg_is_flattened_on_white():
    alpha = images.from_uint8(cutout()[..., 3])
    image = images.decode(images.encode(np.zeros((80, 100, 3), np.float32), "jpeg", alpha=alpha, quality=95))
    assert image[0, 0].min() > 0.97
    assert image[40, 50].max() < 0.03


def test_every_ending_is_offered_once():
    assert len(set(images.SUFFIXES)) == len(images.SUFFIXES)
    assert {".jfif", ".jpe", ".mpo", ".avif", ".heic", ".heif", ".tif"} <= set(images.SUFFIXES)
