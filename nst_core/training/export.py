"""Write `models/lite.onnx` from the embedded arrays: `python -m nst_core.training.export`. A test fails when this is due."""

from nst_core.instant import graph
from nst_core.models import vgg_lite, weights


def main() -> None:
    weights.LITE.write_bytes(graph.lite(weights.load("instant-lite"), vgg_lite.convolutions()))
    print(f"{weights.LITE}: {weights.LITE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
