"""The door: every format and mode comes in as a person sees it, everything else is refused with one sentence."""

import io
import struct
import subprocess
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, ImageCms, ImageFile, PngImagePlugin
from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import BadPicture
from tests import formats as made

LOSSLESS = {
    "PNG": {},
    "BMP": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
}
TIFF_COMPRESSIONS = ("tiff_lzw", "tiff_adobe_deflate", "packbits")
STEP = 1 / 255


# --- files made here --------------------------------------------------------------------------------------------------


def card(height=40, width=56):
    """uint8 (h, w, 3) with four different corners: no turn or flip of it looks like another."""
    array = np.full((height, width, 3), 230, np.uint8)
    array[: height // 2, : width // 2] = (200, 30, 30)
    array[: height // 2, width // 2 :] = (30, 160, 60)
    array[height // 2 :, : width // 2] = (40, 60, 190)
    return array


def noise(height=40, width=48, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def soft(height=40, width=48):
    """Colours without edges, which lossy formats keep."""
    return np.asarray(Pillow.fromarray(noise(4, 4)).resize((width, height), Pillow.Resampling.BICUBIC))


def flat(mode, color, size=(40, 32)):
    return Pillow.new(mode, size, color)


def saved(picture, format="PNG", **options):
    if isinstance(picture, np.ndarray):
        picture = Pillow.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, color=2, rows=b"", extra=b""):
    """A PNG by hand; `rows` are the filtered rows, `extra` whole chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + pixels + chunk(b"IEND", b"")


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


D50 = fixed(0.9642, 1.0, 0.8249)


def xyz(*values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def gamma(exponent):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + b"\0\0"


def profile(space, pcs, tags, kind=b"mntr"):
    """An ICC profile by hand, version 2.4."""
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4xI", start + len(body), 0x02400000) + kind + space + pcs
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + D50
    return head.ljust(128, b"\0") + table + body


def swapped_profile():
    """sRGB's primaries with red and blue exchanged."""
    red, green, blue = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
    curve = gamma(2.2)
    colorants = {b"rXYZ": xyz(*blue), b"gXYZ": xyz(*green), b"bXYZ": xyz(*red)}
    return profile(
        b"RGB ", b"XYZ ", {b"wtpt": b"XYZ \0\0\0\0" + D50, **colorants, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    )


def linear_grey_profile():
    return profile(b"GRAY", b"XYZ ", {b"wtpt": b"XYZ \0\0\0\0" + D50, b"kTRC": gamma(1.0)})


def only_black_prints_profile():
    """CMYK whose first three inks are invisible: paper is white unless there is black."""
    ramp = bytes(range(256))
    corners = b"".join(bytes([0 if index & 1 else 255, 128, 128]) for index in range(16))  # black is the last, fastest ink
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + corners + ramp * 3
    return profile(b"CMYK", b"Lab ", {b"wtpt": b"XYZ \0\0\0\0" + D50, b"A2B0": lut}, kind=b"prtr")


def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def oriented(value):
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = value
    return exif


def sentence(data, **options):
    """What decode says about a bad picture, checked to be one sentence that starts with the name."""
    with pytest.raises(BadPicture) as caught:
        images.decode(data, name="cat.png", **options)
    text = str(caught.value)
    assert text.startswith("cat.png ")
    assert text.endswith(".")
    assert ". " not in text
    assert "\n" not in text
    return text


def pixel(data, **options):
    """The one colour of a flat picture, 0…255."""
    image = images.decode(data, **options)
    assert np.ptp(image, axis=(0, 1)).max() == 0
    return (image[0, 0] * 255).tolist()


# --- formats and modes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_formats_come_in_exactly(format):
    array = noise()
    image = images.decode(saved(array, format, **LOSSLESS[format]))
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert (image == array.astype(np.float32) / 255).all()


@pytest.mark.parametrize("compression", TIFF_COMPRESSIONS)
def test_compressed_tiff_comes_in_exactly(compression):
    array = noise()
    assert (images.to_uint8(images.decode(saved(array, "TIFF", compression=compression))) == array).all()


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_formats_come_in_nearly(format):
    array = soft()
    image = images.decode(saved(array, format, quality=95))
    assert image.shape == array.shape
    assert np.abs(image - array / 255).mean() < 2 * STEP


def test_progressive_jpeg_equals_the_baseline_one():
    progressive, baseline = (saved(card(), "JPEG", progressive=flag) for flag in (True, False))
    assert (images.decode(progressive) == images.decode(baseline)).all()


def test_the_name_says_nothing_about_the_format():
    assert images.decode(saved(card(), "PNG"), name="photo.jpg").shape == (40, 56, 3)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (flat("1", 1), [255, 255, 255]),
        (flat("1", 0), [0, 0, 0]),
        (flat("L", 77), [77, 77, 77]),
        (flat("RGB", (1, 2, 254)), [1, 2, 254]),
        (flat("LA", (0, 255)), [0, 0, 0]),
        (flat("LA", (0, 0)), [255, 255, 255]),
        (flat("LA", (0, 128)), [127, 127, 127]),  # 255·(1 − 128/255)
        (flat("RGBA", (200, 100, 0, 0)), [255, 255, 255]),
        (flat("RGBA", (200, 100, 0, 51)), [244, 224, 204]),  # a fifth of the colour, four fifths of white
        (flat("RGB", (9, 8, 7)).convert("P", palette=Pillow.Palette.ADAPTIVE), [9, 8, 7]),
    ],
)
def test_modes_of_png(picture, expected):
    assert pixel(saved(picture)) == pytest.approx(expected, abs=1e-4)


def test_sixteen_levels_of_grey_reach_from_black_to_white():
    rows = b"".join(b"\0" + bytes(range(0x01, 0x100, 0x22)) * 4 for _ in range(32))  # 0, 1, 2, 3 … F, 64 to the row
    image = images.decode(png(64, 32, depth=4, color=0, rows=rows))
    assert (image[0, :16, 0] * 15).tolist() == pytest.approx(list(range(16)), abs=1e-4)


def test_transparent_palette_entries_turn_white():
    picture = Pillow.fromarray(np.repeat(np.arange(4, dtype=np.uint8), 10)[None].repeat(32, 0)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    one = images.decode(saved(picture, transparency=1))
    assert (one[0, ::10] * 255).tolist() == [[0, 0, 0], [255, 255, 255], [0, 255, 0], [0, 0, 255]]
    graded = images.decode(saved(picture, transparency=bytes([255, 0, 51, 255])))
    assert (graded[0, ::10] * 255).tolist() == [[0, 0, 0], [255, 255, 255], [204, 255, 204], [0, 0, 255]]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_key_colour_turns_white(mode):
    array = np.zeros((32, 40), np.uint8)
    array[:, 20:] = 90
    key = 90 if mode == "L" else (90, 90, 90)
    image = images.decode(saved(Pillow.fromarray(array).convert(mode), transparency=key))
    assert (image[0, [0, 19, 20, 39], 1] * 255).tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("max_side", [None, 48])
def test_sixteen_bit_grey_keeps_its_range(byteorder, max_side):
    ramp = np.linspace(0, 65535, 64 * 96).astype(np.uint16).reshape(64, 96)
    dark = ramp // 300  # no more than 218 of 65535: black to the eye, and not to be mistaken for 8 bits
    for array in (ramp, dark):
        expected = images.fit(np.repeat(array[..., None] / np.float32(65535), 3, axis=2), max_side or 96)
        image = images.decode(tiff(array, byteorder=byteorder), max_side=max_side)
        assert np.abs(image - expected).max() < 0.51 * STEP + 2 / 65535


def test_sixteen_bit_grey_png():
    ramp = np.linspace(0, 65535, 64 * 96).astype(np.uint16).reshape(64, 96)
    for data in (
        saved(Pillow.fromarray(ramp)),
        png(96, 64, depth=16, color=0, rows=b"".join(b"\0" + row.astype(">u2").tobytes() for row in ramp)),
    ):
        image = images.decode(data)
        assert np.abs(image[..., 1] - ramp / 65535).max() < 0.51 * STEP
        assert (image.min(), image.max()) == (0, 1)


def test_sixteen_bit_edges_do_not_wrap_when_shrunk():
    array = np.random.default_rng(0).choice(np.array([0, 65535], np.uint16), (96, 96))
    expected = images.fit(np.repeat(array[..., None] / np.float32(65535), 3, axis=2), 64)
    for byteorder in "<>":
        image = images.decode(tiff(array, byteorder=byteorder), max_side=64)
        assert np.abs(image - expected).max() < 0.51 * STEP + 2 / 65535


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bit_rgb_tiff(byteorder):
    array = np.random.default_rng(0).integers(0, 65536, (40, 48, 3), dtype=np.uint16)
    image = images.decode(tiff(array, byteorder=byteorder, photometric="rgb"))
    assert np.abs(image - array / 65535).max() < STEP  # Pillow gives the upper byte


def test_sixteen_bit_rgb_png():
    array = np.random.default_rng(0).integers(0, 65536, (40, 48, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    assert np.abs(images.decode(png(48, 40, depth=16, color=2, rows=rows)) - array / 65535).max() < STEP


@pytest.mark.parametrize(
    ("dtype", "half", "white"),
    [
        (np.int32, 128, 255),
        (np.int32, 30000, 65535),
        (np.float32, 0.5, 1),
        (np.float32, 128, 255),
        (np.float32, 30000, 65535),
    ],
)
def test_deeper_greys_take_the_least_usual_white_that_holds_them(dtype, half, white):
    array = np.full((32, 40), half, dtype)
    array[0] = white
    image = images.decode(tiff(array))
    assert image[0].min() == 1
    assert image[1:] == pytest.approx(half / white, abs=0.51 * STEP)


def test_floats_that_are_no_numbers_become_black_or_white():
    array = np.zeros((32, 40), np.float32)
    array[0], array[1], array[2], array[3] = np.nan, np.inf, -np.inf, 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = images.decode(tiff(array))
    assert image[:4, 0, 0].tolist() == pytest.approx([0, 1, 0, 0.4], abs=1e-6)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_is_ink(format):
    assert pixel(saved(flat("CMYK", (255, 0, 0, 0)), format)) == pytest.approx([0, 255, 255], abs=2)
    assert pixel(saved(flat("CMYK", (0, 0, 0, 255)), format)) == pytest.approx([0, 0, 0], abs=2)
    assert pixel(saved(flat("CMYK", (0, 0, 0, 0)), format)) == pytest.approx([255, 255, 255], abs=2)


def test_lab_and_ycbcr_tiff():
    lab = ImageCms.profileToProfile(
        Pillow.fromarray(card()), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    ycbcr = Pillow.fromarray(card()).convert("YCbCr")
    unfit = {"icc_profile": swapped_profile()}  # for RGB
    for picture, options in ((lab, {}), (lab, unfit), (ycbcr, {})):
        data = saved(picture, "TIFF", **options)
        assert Pillow.open(io.BytesIO(data)).mode == picture.mode
        assert np.abs(images.decode(data) - card() / 255).max() < 5 * STEP  # 8-bit Lab is that coarse


def test_premultiplied_grey_tiff():
    array = np.full((32, 40, 2), (51, 51), np.uint8)  # white, a fifth opaque, already multiplied
    data = tiff(array, photometric="minisblack", planarconfig="contig", extrasamples=["assocalpha"])
    assert Pillow.open(io.BytesIO(data)).mode == "La"
    assert pixel(data) == [255, 255, 255]


@pytest.mark.parametrize(
    ("format", "options"),
    [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {}), ("MPO", {"quality": 95})],
)
def test_of_several_frames_the_first(format, options):
    first, second = flat("RGB", (250, 0, 0)), flat("RGB", (0, 0, 250))
    data = saved(first, format, save_all=True, append_images=[second], **options)
    assert Pillow.open(io.BytesIO(data)).n_frames == 2
    assert pixel(data) == pytest.approx([250, 0, 0], abs=2)


def test_transparent_gif():
    picture = Pillow.fromarray(np.repeat(np.array([0, 1], np.uint8), 20)[None].repeat(32, 0)).convert("P")
    picture.putpalette([10, 20, 30, 200, 0, 0])
    image = images.decode(saved(picture, "GIF", transparency=1))
    assert (image[0, [0, 39]] * 255).tolist() == [[10, 20, 30], [255, 255, 255]]


# --- orientation and profiles -----------------------------------------------------------------------------------------

STORED = {  # EXIF orientation -> how a file with it holds the upright picture
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("max_side", [None, 28])
def test_pictures_stand_upright(format, orientation, max_side):
    stored = np.ascontiguousarray(STORED[orientation](card()))
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else LOSSLESS[format]
    image = images.decode(saved(stored, format, exif=oriented(orientation), **options), max_side=max_side)
    expected = images.fit(images.from_uint8(card()), max_side or 56)
    assert image.shape == expected.shape
    assert np.abs(image - expected).mean() < 2 * STEP


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0"])
def test_broken_exif_costs_no_picture(exif):
    assert (images.to_uint8(images.decode(saved(card(), exif=exif))) == card()).all()


def test_an_orientation_that_does_not_exist_is_upright():
    assert (images.to_uint8(images.decode(saved(card(), exif=oriented(77)))) == card()).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_profiles_are_converted(format):
    options = {"icc_profile": swapped_profile(), **LOSSLESS[format]}
    assert pixel(saved(flat("RGB", (255, 0, 0)), format, **options)) == pytest.approx([0, 0, 255], abs=3)
    assert pixel(saved(flat("RGB", (0, 255, 0)), format, **options)) == pytest.approx([0, 255, 0], abs=3)


def test_profiles_of_jpeg_and_of_palettes():
    options = {"icc_profile": swapped_profile()}
    assert pixel(saved(flat("RGB", (255, 0, 0)), "JPEG", **options)) == pytest.approx([0, 0, 255], abs=4)
    palette = flat("RGB", (255, 0, 0)).convert("P", palette=Pillow.Palette.ADAPTIVE)
    assert pixel(saved(palette, **options)) == pytest.approx([0, 0, 255], abs=3)


def test_a_profile_leaves_the_alpha_alone():
    data = saved(flat("RGBA", (255, 0, 0, 51)), icc_profile=swapped_profile())
    assert pixel(data) == pytest.approx([204, 204, 255], abs=3)


def test_grey_profiles():
    """Linear 55/255 is 0.2157; sRGB writes it as 1.055·0.2157^(1/2.4) − 0.055 = 0.502."""
    for picture in (flat("L", 55), flat("LA", (55, 255))):
        assert pixel(saved(picture, icc_profile=linear_grey_profile())) == pytest.approx([128] * 3, abs=1)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_profiles(format):
    options = {"icc_profile": only_black_prints_profile()}
    assert pixel(saved(flat("CMYK", (255, 0, 0, 0)), format, **options)) == pytest.approx([255] * 3, abs=2)
    assert pixel(saved(flat("CMYK", (0, 0, 0, 255)), format, **options)) == pytest.approx([0] * 3, abs=2)


def test_srgb_as_a_profile_changes_nothing():
    assert np.abs(images.decode(saved(noise(), icc_profile=srgb_profile())) - noise() / 255).max() < 1.01 * STEP


@pytest.mark.parametrize(
    "broken",
    [
        b"nonsense",
        b"",
        srgb_profile()[:200],
        swapped_profile()[:-60],
        linear_grey_profile(),
        only_black_prints_profile(),
    ],
    ids=["nonsense", "empty", "cut", "cut late", "grey's", "cmyk's"],
)
def test_profiles_that_are_broken_or_for_another_mode_are_ignored(broken):
    assert (images.to_uint8(images.decode(saved(noise(), icc_profile=broken))) == noise()).all()


# --- limits -----------------------------------------------------------------------------------------------------------


def test_the_smallest_and_the_longest_are_let_in():
    assert images.decode(saved(noise(32, 32))).shape == (32, 32, 3)
    assert images.decode(saved(noise(256, 32))).shape == (256, 32, 3)


def test_too_small():
    assert sentence(saved(noise(9, 12))) == "cat.png is 12×9 pixels; at least 32×32 are needed."
    assert sentence(saved(noise(31, 64))) == "cat.png is 64×31 pixels; at least 32×32 are needed."


def test_too_long():
    assert "is 257×32 pixels; the longer side may be 8 times" in sentence(saved(noise(32, 257)))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (png(8000, 7000), "is 8000×7000 pixels; at most 50 megapixels"),
        (png(10_000, 9_500), "at most 50 megapixels"),
        (png(100_000, 100_000), "at most 50 megapixels"),
        (png(2**31 - 1, 2**31 - 1), "at most 50 megapixels"),
        (png(0, 0), "cat.png "),
        (png(40, 0), "cat.png "),
        (
            b"GIF89a" + struct.pack("<HHBBB", 9000, 9000, 0, 0, 0) + b"," + struct.pack("<HHHHBB", 0, 0, 9000, 9000, 0, 8),
            "is 9000×9000 pixels",
        ),
        (
            saved(noise(), "BMP")[:18] + struct.pack("<ii", 60_000, 60_000) + saved(noise(), "BMP")[26:],
            "at most 50 megapixels",
        ),
        (
            saved(noise(), "BMP")[:18] + struct.pack("<ii", 7_000, 8_000) + saved(noise(), "BMP")[26:],
            "is 7000×8000 pixels",
        ),
    ],
)
@pytest.mark.filterwarnings("error")  # Pillow would warn on standard error
def test_limits_are_checked_on_the_header(header, reason):
    """These have no pixels to decode: a decoder let loose on them would complain of damage."""
    start = time.perf_counter()
    assert reason in sentence(header)
    assert time.perf_counter() - start < 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [(10_000, 9_500), (30_000, 30_000)])  # Pillow warns of the first and refuses the second
def test_a_drawing_of_any_size_is_one_error_and_no_warning(size):
    with pytest.raises(BadPicture, match=rf"^The drawing is {size[0]}×{size[1]} pixels; 60×40 were expected\.$"):
        images.rgba(png(*size), (40, 60), name="The drawing")


def test_a_webp_that_claims_a_huge_canvas():
    claim = (16_000 - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + claim + claim
    assert "at most 50 megapixels" in sentence(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)


def test_no_pixel_is_decoded_before_the_limits(monkeypatch):
    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert "12×9" in sentence(saved(noise(9, 12)))


def test_empty_and_too_many_bytes():
    assert sentence(b"") == "cat.png is empty; choose another file."
    assert "is 25.1 MB; at most 25 MB are accepted" in sentence(bytes(images.MAX_BYTES + 100_000))


def test_the_name_in_the_sentence_is_a_line():
    with pytest.raises(BadPicture) as caught:
        images.decode(b"", name="a\nb\x00" + "c" * 300 + ".png")
    text = str(caught.value)
    assert text.startswith("abccc")
    assert "ccc.png is empty" in text
    assert len(text) < 120
    with pytest.raises(BadPicture, match=r"^The picture is empty"):
        images.decode(b"", name="\n")


# --- bad files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'/>",
        b"<!DOCTYPE html><html><body>404</body></html>",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
        b"P6 64 64 255\n" + bytes(64 * 64 * 3),  # a picture, but of a format we do not take
        saved(noise(64, 64), "ICO"),
        saved(noise(), "JPEG2000"),
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"RIFF\x10\0\0\0WEBP",
        b"\0",
        bytes(5000),
        np.random.default_rng(0).bytes(5000),
    ],
)
def test_what_is_no_picture(data):
    assert "JPEG, PNG, WebP, GIF, BMP or TIFF" in sentence(data)


def test_text_that_inflates_is_refused():
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20 * 1024**2)))
    rows = b"".join(b"\0" + bytes(96) for _ in range(32))
    assert "is damaged" in sentence(png(32, 32, rows=rows, extra=bomb))
    assert images.text_chunks(png(32, 32, rows=rows, extra=bomb)) == {}


def test_a_profile_that_inflates_is_harmless():
    bomb = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(20 * 1024**2)))
    data = png(32, 32, rows=b"".join(b"\0" + bytes(96) for _ in range(32)), extra=bomb)
    start = time.perf_counter()
    try:
        assert images.decode(data).max() == 0
    except BadPicture as error:
        assert "is damaged" in str(error)
    assert time.perf_counter() - start < 0.5


def test_pixels_that_inflate_beyond_the_header_are_harmless():
    data = png(32, 32, rows=bytes(100 * 1024**2))
    start = time.perf_counter()
    image = images.decode(data)
    assert image.shape == (32, 32, 3)
    assert image.max() == 0
    assert time.perf_counter() - start < 0.5


def test_a_jpeg_of_endless_scans_is_refused():
    """75 bytes of progressive scan cost a pass over all pixels: 25 MB of them would keep a core busy for hours."""
    data = saved(Pillow.new("L", (1000, 1000)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    endless = data[:-2] + scan * 200 + data[-2:]
    start = time.perf_counter()
    assert "too many scans" in sentence(endless)
    assert time.perf_counter() - start < 0.5


def test_damage_in_a_chunk():
    data = bytearray(saved(noise()))
    data[data.index(b"IDAT") + 40] ^= 0xFF
    assert "is damaged; open it in an image editor" in sentence(bytes(data))


def corpus():
    """A file of each kind, small enough to be broken a few hundred times."""
    pixels = noise(8, 8).repeat(5, 0).repeat(6, 1)  # 40×48, with something to compress
    picture, exif, icc = Pillow.fromarray(pixels), oriented(6), srgb_profile()
    several = {"save_all": True, "append_images": [picture.rotate(180)]}
    deep = pixels[..., 0].astype(np.uint16) * 257
    return {
        "jpeg": saved(picture, "JPEG", exif=exif, icc_profile=icc),
        "jpeg progressive": saved(picture, "JPEG", progressive=True),
        "jpeg cmyk": saved(picture.convert("CMYK"), "JPEG"),
        "mpo": saved(picture, "MPO", **several),
        "png": saved(picture, exif=exif, icc_profile=icc),
        "png palette": saved(picture.quantize(16), transparency=3),
        "png 16": saved(Pillow.fromarray(deep)),
        "apng": saved(picture, **several),
        "gif": saved(picture, "GIF", transparency=3, **several),
        "bmp": saved(picture, "BMP"),
        "bmp palette": saved(picture.quantize(16), "BMP"),
        "webp": saved(picture, "WEBP", exif=exif, icc_profile=icc),
        "webp lossless": saved(picture.convert("RGBA"), "WEBP", lossless=True),
        "webp animated": saved(picture, "WEBP", **several),
        "tiff": saved(picture, "TIFF", exif=exif, icc_profile=icc),
        "tiff 16 lzw": saved(Pillow.fromarray(deep), "TIFF", compression="tiff_lzw"),
        "tiff deflate": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "tiff jpeg": saved(picture, "TIFF", compression="jpeg"),
        "tiff fax": saved(picture.convert("1"), "TIFF", compression="group4"),
        "tiff float": tiff(deep.astype(np.float32)),
        "tiff planar": tiff(np.stack([deep] * 3), photometric="rgb", planarconfig="separate", compression="zlib"),
        "png rgb 16": made.png16(pixels / 255, made.chunk(b"gAMA", (100_000).to_bytes(4, "big"))),
        "bmp masks": made.bmp(48, 40, 16, deep.tobytes(), masks=(0xF00, 0xF0, 0xF)),
        "avif": saved(picture, "AVIF", exif=exif, icc_profile=icc),
    }


CORPUS = corpus()


@pytest.mark.parametrize("kind", CORPUS)
def test_the_corpus_is_sound(kind):
    assert sorted(images.decode(CORPUS[kind]).shape) == [3, 40, 48]


@pytest.mark.parametrize("kind", [kind for kind in CORPUS if kind not in ("jpeg progressive", "jpeg cmyk", "mpo")])
@pytest.mark.filterwarnings("ignore")  # Pillow warns about what it mends
def test_half_a_file_is_refused(kind):
    """Not so of JPEGs, whose upper half is read; half of the one with a profile is its header."""
    data = CORPUS[kind]
    assert "is " in sentence(data[: len(data) // 2])


@pytest.mark.parametrize("kind", CORPUS)
@pytest.mark.filterwarnings("ignore")
def test_broken_files_give_a_picture_or_a_sentence(kind):
    data, random = CORPUS[kind], np.random.default_rng(len(kind))
    for attempt in range(300):
        broken = bytearray(data)
        if attempt % 3 == 0:
            del broken[random.integers(len(broken)) :]
        else:  # anywhere, and where headers are
            for position in random.integers(len(broken) if attempt % 3 == 1 else min(len(broken), 300), size=4):
                broken[position] = random.choice([0, 1, 127, 128, 255, random.integers(256)])
        assert isinstance(images.text_chunks(bytes(broken)), dict)
        try:
            image = images.decode(bytes(broken), max_side=33 if attempt % 2 else None)
        except BadPicture as error:
            assert str(error).startswith("The picture ")
        else:
            assert image.ndim == 3
            assert image.dtype == np.float32
            assert 0 <= image.min() <= image.max() <= 1


def test_too_little_memory(monkeypatch):
    def load(self):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert "is too large; at most 50 megapixels" in sentence(saved(noise()))


def test_warnings_made_errors_harm_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert images.decode(saved(card(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")).shape == (40, 56, 3)
        assert "at most 50 megapixels" in sentence(png(10_000, 9_500))
        for kind, data in CORPUS.items():
            assert images.decode(data).ndim == 3, kind


# --- max_side ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", *LOSSLESS])
@pytest.mark.parametrize(("height", "width"), [(300, 200), (130, 1001)])
def test_max_side_shrinks_as_fit_does(format, height, width):
    smooth = soft(height, width)
    options = {"quality": 98, "subsampling": 0} if format == "JPEG" else LOSSLESS[format]
    data = saved(smooth, format, **options)
    small = images.decode(data, max_side=64)
    expected = images.fit(images.decode(data), 64)
    assert small.shape == expected.shape
    assert max(small.shape) == 64
    assert np.abs(small - expected).max() < 5 * STEP


def test_max_side_enlarges_nothing():
    for kind, data in CORPUS.items():
        assert (images.decode(data, max_side=48) == images.decode(data)).all(), kind


def test_max_side_blurs_palettes_and_bits_into_colours():
    checks = np.indices((64, 64)).sum(0) % 2 == 0
    for picture in (Pillow.fromarray(checks), Pillow.fromarray(checks.astype(np.uint8) * 255).convert("P")):
        assert images.decode(saved(picture), max_side=32) == pytest.approx(0.5, abs=0.02)


def test_max_side_draws_no_dark_fringe_around_transparent_parts():
    array = np.zeros((64, 64, 4), np.uint8)  # transparent black beside opaque white: all of it looks white
    array[:, 31:] = 255
    assert images.decode(saved(array), max_side=32).min() > 1 - 2 * STEP


def test_fifty_megapixels_cost_little_memory():
    """The floats alone would be 590 MB."""
    script = """
import resource, sys
from nst_core import images
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert images.decode(data, max_side=1024).shape == (1024, 1000, 3)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    data = saved(Pillow.new("RGB", (6980, 7150), (10, 200, 90)), "JPEG")
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True)
    assert int(done.stdout) < 120  # MB


# --- encode, text, resizing -------------------------------------------------------------------------------------------


def test_png_round_trip_is_exact():
    every = np.arange(256, dtype=np.uint8).repeat(48).reshape(64, 64, 3)
    for array in (every, noise(64, 64)):
        image = images.from_uint8(array)
        again = images.decode(images.encode(image, "png"))
        assert (again == image).all()
        assert images.encode(again) == images.encode(image)


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_lossy_round_trip_is_close(format):
    image = images.from_uint8(soft())
    data = images.encode(image, format)
    assert Pillow.open(io.BytesIO(data)).format == format.upper()
    assert np.abs(images.decode(data) - image).mean() < 3 * STEP  # WebP halves the chroma
    assert len(images.encode(images.from_uint8(noise()), format, quality=30)) < len(
        images.encode(images.from_uint8(noise()), format)
    )


def test_eight_bits_round_half_up_and_clip():
    values = np.array([-0.2, 0, 0.001, 0.5, 1, 1.3], np.float32)
    assert images.to_uint8(values).tolist() == [0, 0, 0, 128, 255, 255]  # 0.5·255 = 127.5
    every = np.arange(256, dtype=np.uint8)
    assert (images.to_uint8(images.from_uint8(every)) == every).all()


def test_text_travels_in_png():
    text = {"nst-recipe": '{"kind": "instant", "name": "Café 北京 🎨"}', "Comment": ""}
    data = images.encode(images.from_uint8(noise()), "png", text=text)
    assert b"iTXtnst-recipe\0" in data
    assert images.text_chunks(data) == text
    assert (images.to_uint8(images.decode(data)) == noise()).all()


def test_text_of_other_programs_is_read():
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Software", "another")
    chunks.add_text("Long", "x" * 5000, zip=True)
    assert images.text_chunks(saved(noise(), pnginfo=chunks)) == {"Software": "another", "Long": "x" * 5000}


def test_only_png_carries_text_of_any_size():
    huge = images.encode(images.from_uint8(noise()), text={"nst-recipe": "{}"}) + bytes(images.MAX_BYTES)
    assert images.text_chunks(huge) == {"nst-recipe": "{}"}  # a print made here: the limit is for uploads
    for format in ("jpeg", "webp"):
        data = images.encode(images.from_uint8(noise()), format, text={"nst-recipe": "secret"})
        assert b"secret" not in data
        assert images.text_chunks(data) == {}
    for data in (b"", b"nonsense", png(100_000, 100_000), saved(noise())[:50]):
        assert images.text_chunks(data) == {}


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((40, 60), 30, (20, 30)),
        ((60, 40), 30, (30, 20)),
        ((40, 60), 90, (60, 90)),
        ((50, 50), 50, (50, 50)),
        ((33, 100), 64, (21, 64)),  # 21.12
        ((32, 256), 4, (1, 4)),  # 0.5, but at least 1
        ((1000, 1), 10, (10, 1)),
    ],
)
def test_fit_makes_the_longer_side_exact(shape, size, expected):
    image = images.fit(images.from_uint8(noise(*shape)), size)
    assert image.shape == (*expected, 3)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert 0 <= image.min() <= image.max() <= 1


def test_resizing_keeps_a_flat_picture_flat():
    image = np.full((40, 50, 3), (0.1, 0.5, 0.9), np.float32)
    for height, width in ((20, 25), (90, 70), (7, 200)):
        assert np.abs(images.resize(image, height, width) - image[0, 0]).max() < 1e-6


def test_resizing_to_the_same_size_changes_nothing():
    image = images.from_uint8(noise())
    assert (images.fit(image, 48) == image).all()
    assert images.resize(image[:, ::-1], 40, 48).flags.c_contiguous


def test_shrinking_is_antialiased():
    checks = np.repeat((np.indices((300, 300)).sum(0) % 2).astype(np.float32)[..., None], 3, axis=2)
    assert images.fit(checks, 100) == pytest.approx(0.5, abs=0.05)


def test_enlarging_a_faint_slope_makes_no_steps():
    slope = np.repeat(np.linspace(0.5, 0.51, 32, dtype=np.float32)[None, :, None], 32, axis=0).repeat(3, axis=2)
    large = images.fit(slope, 512)
    assert len(np.unique(large[256, :, 0])) > 300  # 8 bits would leave four


def test_thumbnail_is_a_small_jpeg():
    data = images.thumbnail(images.from_uint8(card(400, 300)), 64)
    picture = Pillow.open(io.BytesIO(data))
    assert (picture.format, picture.size) == ("JPEG", (48, 64))
    assert Pillow.open(io.BytesIO(images.thumbnail(images.from_uint8(card()), 500))).size == (56, 40)


def test_digest_names_the_content():
    image = images.from_uint8(noise(40, 40))
    turned = np.ascontiguousarray(image[::-1])[::-1]
    assert images.digest(image) == images.digest(image.copy()) == images.digest(turned)
    assert len(images.digest(image)) == 32
    changed = image.copy()
    changed[3, 4, 1] = np.nextafter(changed[3, 4, 1], np.float32(2))
    others = [changed, image.reshape(20, 80, 3), image[:-1], image[::-1]]
    assert len({images.digest(other) for other in [image, *others]}) == 5


# --- the process around it --------------------------------------------------------------------------------------------


def test_threads_do_not_disturb_each_other():
    files = list(CORPUS.values()) * 5
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: images.digest(images.decode(data, max_side=40)), files))
    assert together == [images.digest(images.decode(data, max_side=40)) for data in files]


def test_pillow_is_left_as_it_was():
    for data in CORPUS.values():
        images.decode(data)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Pillow.MAX_IMAGE_PIXELS == 1024**3 // 4 // 3


def test_the_import_is_light_and_loads_no_other_decoders():
    script = """
import sys
from nst_core import images
images.decode(sys.stdin.buffer.read())
heavy = {"tensorflow", "streamlit", "skimage", "scipy", "pydantic"} & {name.split(".")[0] for name in sys.modules}
print(sorted(heavy), sorted(name for name in sys.modules if name in ("PIL.PsdImagePlugin", "PIL.FpxImagePlugin")))
"""
    done = subprocess.run([sys.executable, "-c", script], input=CORPUS["webp"], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[] []"
