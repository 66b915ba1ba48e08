"""Draw a generator as SVG from its plan, with a block for each layer."""

from collections.abc import Sequence

from nst_core.texture_networks.generators import NOISE, GeneratorConvolution, GeneratorPlan

ROW, LEFT, TOP = 54, 8, 34  # pixels: distance of scales; margins
INPUT, BRANCH, JOIN, RESULT = 0, 128, 266, 480  # the left edges of the columns
HEIGHT = 26  # of a block


def svg(plan: GeneratorPlan) -> str:
    """Return the drawing, coarsest scale on top. The width of a block shows its channels, its tooltip what it does.

    `assets/components/drawing.css` styles its classes.
    """
    parts = [_text(LEFT + x, 14, label, "head") for x, label in _heads(plan)]
    for row, stage in enumerate(plan.stages):
        y = TOP + row * ROW
        parts.append(_input(plan, stage.ratio, y))
        parts.append(_line(LEFT + BRANCH - 22, y + HEIGHT / 2, LEFT + BRANCH - 4, y + HEIGHT / 2))
        end = _blocks(parts, stage.branch, LEFT + BRANCH, y)
        if stage.join:
            parts.append(_line(end + 2, y + HEIGHT / 2, LEFT + JOIN - 4, y + HEIGHT / 2))
            end = _blocks(parts, stage.join, LEFT + JOIN, y)
        if row + 1 < len(plan.stages):  # down to the next scale, twice as large
            x, below = LEFT + JOIN - 14, y + ROW + HEIGHT / 2
            middle = y + ROW - 14
            parts.append(
                f'<path d="M{end + 2} {y + HEIGHT / 2}h8V{middle}H{x}V{below - 3}" class="line" marker-end="url(#tip)"/>'
            )
            parts.append(_text(x + 6, middle - 3, "×2", "small"))
        else:
            parts.append(_line(end + 2, y + HEIGHT / 2, LEFT + RESULT + 22, y + HEIGHT / 2))
            tip = f"1×1 convolution, {plan.rgb.inputs} to {plan.rgb.outputs} channels"
            parts.append(_block(LEFT + RESULT + 26, y, 32, "RGB", tip))
    height = TOP + len(plan.stages) * ROW - 12
    summary = f"{len(plan.stages)} scales, {plan.parameters:,} parameters"
    return (
        f'<svg viewBox="0 0 580 {height}" role="img" aria-label="The network: {summary}" '
        'xmlns="http://www.w3.org/2000/svg">'
        '<defs><marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L6 3L0 6z" fill="currentColor"/></marker></defs>'
        f"{''.join(parts)}</svg>"
    )


def _heads(plan: GeneratorPlan) -> list[tuple[int, str]]:
    what = "photograph + noise" if plan.picture else "noise"
    return [(INPUT, what), (BRANCH, "branch"), (JOIN, "joined with the coarser scale"), (RESULT + 16, "picture")]


def _input(plan: GeneratorPlan, ratio: int, y: float) -> str:
    """Draw a square whose grid is as fine as the scale, with its name."""
    finest = plan.stages[0].ratio
    cells = max(1, min(13, round((finest / ratio) ** 0.75)))
    step, x = HEIGHT / cells, LEFT
    lines = "".join(f"M{x + i * step:.1f} {y}v{HEIGHT}M{x} {y + i * step:.1f}h{HEIGHT}" for i in range(cells + 1))
    channels = f"{3 * plan.picture + NOISE} channels"
    return (
        f'<g><title>Each pixel here is {ratio} × {ratio} of the picture; {channels}</title><rect x="{x}" y="{y}" '
        f'width="{HEIGHT}" height="{HEIGHT}" class="noise"/><path d="{lines}" class="grid"/></g>'
        + _text(x + HEIGHT + 8, y + 17, f"1 : {ratio}", "")
    )


def _blocks(parts: list[str], convolutions: Sequence[GeneratorConvolution], x: float, y: float) -> float:
    """Draw the convolutions from left to right and return where the last one ends."""
    for c in convolutions:
        width = 14 + c.outputs * 0.7
        tip = f"{c.size}×{c.size} convolution, {c.inputs} to {c.outputs} channels, normalisation, ReLU"
        parts.append(_block(x, y, width, f"{c.size}×{c.size}", tip, "three" if c.size == 3 else "one"))
        x += width + 4
    parts.append(_text(x - 2, y - 3, str(convolutions[-1].outputs), "small"))
    return x - 4


def _block(x: float, y: float, width: float, label: str, tip: str, kind: str = "one") -> str:
    middle = x + width / 2
    return (
        f'<g><title>{tip}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT}" rx="3" class="{kind}"/>'
        f'<text x="{middle:.1f}" y="{y + 17}" text-anchor="middle" class="label">{label}</text></g>'
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1} {y1}L{x2} {y2}" class="line" marker-end="url(#tip)"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{text}</text>'
