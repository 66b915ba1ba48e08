"""Files for tests, written by hand: kinds of PNG, BMP and TIFF that no library here writes."""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image as Pillow
from PIL import TiffImagePlugin


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(array, *chunks):
    """A PNG of 16 bits a channel, (h, w, 1 to 4) in [0, 1], whose rows use all five filters in turn."""
    values = np.round(array * 65535).astype(">u2")
    height, width, channels = values.shape
    rows = values.reshape(height, -1).view(np.uint8).astype(int)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    packed = zlib.compress(b"".join(_filtered(rows, y, y % 5, 2 * channels) for y in range(height)))
    body = b"".join(chunk(b"IDAT", packed[start : start + 5000]) for start in range(0, len(packed), 5000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + body + chunk(b"IEND", b"")


def _filtered(rows, y, kind, step):
    """One row of bytes through one of PNG's filters."""
    row, above = rows[y], rows[y - 1] if y else np.zeros_like(rows[0])
    left, corner = (np.concatenate([np.zeros(step, int), line[:-step]]) for line in (row, above))
    guess = left + above - corner
    off = np.abs(np.stack([guess - left, guess - above, guess - corner]))
    nearest = np.choose(off.argmin(0), [left, above, corner])  # the first of equals, as PNG has it
    predicted = [0 * row, left, above, (left + above) // 2, nearest][kind]
    return bytes([kind]) + ((row - predicted) % 256).astype(np.uint8).tobytes()


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **options)
    return file.getvalue()


def lzw_tiff(plane, predictor):
    """A grey TIFF of 16 bits, packed as LZW by libtiff."""
    file, tags = io.BytesIO(), TiffImagePlugin.ImageFileDirectory_v2()
    tags[317] = predictor
    Pillow.fromarray(plane).save(file, "TIFF", compression="tiff_lzw", tiffinfo=tags)
    return file.getvalue()


def bmp(width, height, bits, pixels, *, masks=(), palette=b"", top_down=False, header=40):
    """A BMP of rows of bytes, the lowest first unless `top_down`. masks: of red, green, blue and perhaps alpha."""
    body = struct.pack(
        "<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, 3 if masks else 0, len(pixels), 2835, 2835,
        len(palette) // 4, 0,
    )  # fmt: skip
    fields = struct.pack(f"<{len(masks)}I", *masks)
    info = (body + fields).ljust(14 + header - 14, b"\0") if header > 40 else body + fields
    start = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + palette + pixels


def heic(pixels):
    """A HEIC of one picture, (h, w, 3) of 8 bits with even sides, by x265: its boxes are those that a telephone writes."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1, options={"x265-params": "crf=4:log-level=none:keyint=1"})
        stream.height, stream.width, stream.pix_fmt = *pixels.shape[:2], "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    place = file.getvalue().index(b"hvcC") - 4
    settings = file.getvalue()[place : place + struct.unpack_from(">I", file.getvalue(), place)[0]]
    with av.open(io.BytesIO(file.getvalue())) as container:
        packet = next(bytes(packet) for packet in container.demux(video=0) if packet.size)
    kind = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    start = len(kind) + len(_meta(settings, pixels.shape, 0, 0)) + 8
    return kind + _meta(settings, pixels.shape, start, len(packet)) + _box(b"mdat", packet)


def _meta(settings, shape, start, length):
    size = _full(b"ispe", struct.pack(">II", shape[1], shape[0]))
    about = _full(b"infe", struct.pack(">HH4s", 1, 0, b"hvc1") + b"\0", version=2)
    properties = _box(b"ipco", settings + size) + _full(b"ipma", struct.pack(">IHBBB", 1, 1, 2, 0x81, 0x02))
    return _full(
        b"meta",
        _full(b"hdlr", struct.pack(">I4s12x", 0, b"pict") + b"\0")
        + _full(b"pitm", struct.pack(">H", 1))
        + _full(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, start, length))
        + _full(b"iinf", struct.pack(">H", 1) + about)
        + _box(b"iprp", properties),
    )


def _box(kind, body):
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(kind, body, version=0):
    return _box(kind, struct.pack(">I", version << 24) + body)
