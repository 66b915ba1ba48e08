"""Live in a real Chromium, on WebAssembly: what is painted is what the server would paint, and nothing else leaves the page."""

import base64
import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from nst_core import images, recipes
from nst_core.instant import InstantLite
from nst_core.stylizer import Style
from tests import browser, npm
from tests.browser import FLAGS, PATIENCE, caption, saved, settled
from ui import live, pictures
from ui import runtime as set_up

SIDE = 96  # pixels of the frames here


@pytest.fixture(scope="module", autouse=True)
def files():
    npm.fetch()


@pytest.fixture(scope="module")
def lite():
    return InstantLite()


class Visit:
    """A page that paints a photograph that stands still, since motion is unwelcome; and what left it."""

    def __init__(self, chromium, address, **options):
        self.context = chromium.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.requests, self.sent = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: socket.on("framesent", lambda data: self.sent.append(data)))
        self.page.goto(f"{address}/live?side={SIDE}")
        self.studio = self.page.locator(".live")

    def painted(self, frames=3):
        """Once so many frames more have been painted: what the last one is of, and it, (h, w, 3)."""
        return self._frames(
            """async (root, frames) => {
                const until = root.studio.frames + frames, late = performance.now() + 60_000;
                while (root.studio.frames < until) {
                    if (!root.isConnected) return null;
                    if (performance.now() > late) throw new Error("No more frames are painted.");
                    await new Promise((on) => setTimeout(on, 20));
                }
                return [root.studio.painted.of, root.studio.painted]""",
            frames,
        )

    def looked(self):
        """What the predictor looks at next."""
        return self._frames(
            """async (root) => {
                while (!root.studio.told.look && root.isConnected) await new Promise((on) => setTimeout(on, 2));
                return [root.studio.told.look]"""
        )[0]

    def _frames(self, script, argument=None):
        text = "Array.from(pixels, (byte) => String.fromCharCode(byte)).join('')"
        script = f"{script}.map(({{ pixels, width, height }}) => [width, height, btoa({text})]); }}"
        while (found := self.studio.evaluate(script, argument)) is None:
            pass  # Streamlit has put the component into the page anew meanwhile
        return [np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(h, w, 4)[..., :3] for w, h, pixels in found]

    def shown(self):
        """The canvas, (h, w, 3)."""
        url = self.studio.locator("canvas").evaluate("canvas => canvas.toDataURL()")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))

    def slide(self, name, value):
        self.studio.locator(f"input[name={name}]").evaluate(
            "(range, value) => { range.value = value; range.dispatchEvent(new Event('input')) }", value
        )

    def press(self, name):
        self.studio.get_by_role("button", name=name, exact=True).click()

    def said(self, words):
        expect(self.studio.locator(".said")).to_contain_text(words)


@pytest.fixture
def visit(chromium, address):
    made = Visit(chromium, address)
    yield made
    assert made.page.locator('[data-testid="stException"]').count() == 0
    made.context.close()


def vector(lite, name):
    """As the server predicts it."""
    style = images.fit(images.from_uint8(pictures.STYLES[name]()), 512)
    return lite.vector(images.from_uint8(images.to_uint8(style)))


def by_server(lite, content, vector):
    return images.to_uint8(lite.transform(images.from_uint8(content), vector))


def apart(one, other):
    """The largest difference, of 255."""
    assert one.shape == other.shape
    return np.abs(one.astype(int) - other).max()


def test_a_frame_is_what_the_server_paints_of_it_and_nothing_else_leaves_the_page(visit, lite, address, runtime):
    content, painted = visit.painted()
    for name in ("Snapshot", "Record"):
        expect(visit.studio.get_by_role("button", name=name)).to_be_enabled()
    woodcut = vector(lite, "woodcut-waves")
    assert painted.shape == (72, SIDE, 3)
    assert painted.std() > 20
    assert apart(painted, by_server(lite, content, woodcut)) <= 2
    expect(visit.studio.locator(".pace")).to_have_text(re.compile(r"frames a second · 96 × 72 px · this device's processor"))

    settled(visit.page)
    asked, told = len(visit.requests), len(visit.sent)
    visit.slide("strength", 0.4)  # needs the content's own vector, which the browser predicts
    visit.slide("steadiness", 0)
    half, own = visit.painted(4)[1], lite.predict(images.from_uint8(visit.looked()))
    assert apart(half, by_server(lite, content, 0.6 * own + 0.4 * woodcut)) <= 2
    assert apart(half, painted) > 20
    visit.press("Mirror")
    assert apart(visit.painted()[0], content[:, ::-1]) <= 2
    visit.press("Use my camera")
    expect(visit.studio.get_by_role("button", name="Camera off")).to_have_attribute("aria-pressed", "true")
    assert apart(visit.painted()[0], content) > 20
    assert [url for url in visit.requests[asked:] if not url.startswith("blob:")] == []
    assert visit.sent[told:] == []

    elsewhere = [url for url in visit.requests if not url.startswith((address, runtime, "data:", f"blob:{address}"))]
    assert elsewhere == []
    assert sum(url.startswith(runtime) for url in visit.requests) == 2  # what the worker fetches is among what was counted
    visit.requests.clear()
    visit.page.reload()
    visit.painted()
    assert not any(url.startswith(runtime) or url.endswith(".bin") for url in visit.requests)  # kept by the browser


def test_two_styles_blend_in_the_browser(visit, lite):
    content, woodcut = visit.painted()
    visit.page.get_by_text("Blend two styles").click()
    visit.page.get_by_title("Molten embers", exact=True).click()
    expect(visit.studio.get_by_text("Woodcut waves ↔ Molten embers")).to_be_visible()
    settled(visit.page)
    told = len(visit.sent)
    one, two = vector(lite, "woodcut-waves"), vector(lite, "molten-embers")
    for blend in (1, 0.25):
        visit.slide("blend", blend)
        painted = visit.painted(4)[1]
        assert apart(painted, by_server(lite, content, (1 - blend) * one + blend * two)) <= 2
        assert apart(painted, woodcut) > 20
    assert visit.sent[told:] == []


def test_steadiness_calms_what_does_not_move(visit):
    """The network paints all of a frame anew when anything in it moves."""
    visit.press("Use my camera")
    unrest = {}
    for steadiness in (0, 0.9):
        visit.slide("steadiness", steadiness)
        visit.painted(6)
        pairs = np.array([visit.painted(1) for _ in range(6)], int)  # (6, 2, h, w, 3)
        content, painted = np.abs(np.diff(pairs, axis=0)).max(-1).swapaxes(0, 1)
        unrest[steadiness] = painted[content <= 2].mean()
    assert unrest[0] > 1
    assert unrest[0.9] < 0.5 * unrest[0]


def test_a_snapshot_is_a_result_that_can_be_saved_and_refined(visit, lite):
    visit.painted()
    settled(visit.page)
    visit.sent.clear()
    visit.press("Snapshot")
    visit.said("The snapshot is in your session")
    assert "Live picture 1.png in Woodcut waves · 768 × 576 px" in caption(visit.page)
    picture = Image.open(saved(visit.page, "PNG").path())
    recipe = recipes.of_png(Path(picture.filename).read_bytes())
    assert (recipe.engine, recipe.size, recipe.strength) == ("instant-lite", 768, 1)
    [content] = re.findall(rb'"content":"([A-Za-z0-9+/=]+)"', b"".join(data for data in visit.sent if isinstance(data, bytes)))
    content = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
    style = images.fit(images.from_uint8(pictures.STYLES["woodcut-waves"]()), 512)
    (step,) = lite.stylize(images.from_uint8(content), [Style(images.from_uint8(images.to_uint8(style)))], recipe)
    assert apart(np.asarray(picture), images.to_uint8(step.image)) <= 2
    visit.page.get_by_role("button", name="Refine this, slowly").click()
    visit.page.get_by_role("button", name="Start", exact=True).wait_for()
    expect(visit.page).to_have_url(re.compile("/optimize"))


def test_a_clip_is_recorded_and_saved(visit):
    visit.painted(1)
    visit.press("Use my camera")
    visit.painted(1)
    visit.press("Record")
    visit.painted(8)
    visit.press("Stop")
    link = visit.studio.locator(".clip")
    expect(link).to_contain_text("Save the clip")
    with visit.page.expect_download() as promise:
        link.click()
    assert re.fullmatch(r"live\.(mp4|webm)", promise.value.suggested_filename)
    assert promise.value.path().stat().st_size > 2000
    size = link.evaluate(
        """async ({ href }) => {
            const video = Object.assign(document.createElement("video"), { src: href });
            await new Promise((on, off) => Object.assign(video, { onloadeddata: on, onerror: off }));
            return [video.videoWidth, video.videoHeight];
        }"""
    )
    assert size == [768, 576]


def test_it_paints_until_the_page_is_left(visit):
    """Streamlit calls a component's clean-up at once where new data came before its module was there."""
    visit.painted(1)
    visit.studio.evaluate(
        """async (root, code) => {
            const { default: mount } = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
            const clean = mount({ data: [root.studio.data], parentElement: root.parentNode, setTriggerValue() {} });
            clean();
            window.kept = root.studio;
        }""",
        "".join((live.PARTS / f"{name}.js").read_text() for name in ("studio", "sources", "pace")),
    )
    visit.painted()
    visit.page.get_by_role("link", name="Instant").first.click()
    visit.page.wait_for_function("kept.closed")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [(["--use-fake-device-for-media-stream"], "The camera was refused"), ([], "No camera was found")],
    ids=["refused", "none"],
)
def test_without_a_camera_a_sentence_and_the_photographs_go_on(playwright, address, flags, sentence):
    plain = [flag for flag in FLAGS if "media-stream" not in flag]
    chromium = playwright.chromium.launch(executable_path=browser.chromium_path(), args=plain + flags)
    visit = Visit(chromium, address)
    visit.press("Use my camera")
    visit.said(sentence)
    assert any(visit.shown().std() > 20 or visit.page.wait_for_timeout(50) for _ in range(100))  # as soon as it is decoded
    visit.painted(2)
    visit.said(sentence)  # still, though the first frame has come
    expect(visit.studio.get_by_role("button", name="Use my camera")).to_have_attribute("aria-pressed", "false")
    chromium.close()


@pytest.mark.parametrize("altered", [False, True], ids=["out of reach", "altered"])
def test_without_the_runtime_a_sentence_and_a_way_to_instant(chromium, address, runtime, altered):
    options = {"viewport": {"width": 390, "height": 844}}
    visit = Visit(chromium, "about:blank", **options)
    answer = (lambda route: route.fulfill(body="x" * 73_054)) if altered else (lambda route: route.abort())
    visit.context.route(f"{runtime}/*", answer)
    visit.page.goto(f"{address}/live")
    visit.said("its checksum differs" if altered else f"could not be had from {runtime.removeprefix('http://')}")
    for name in ("Snapshot", "Record"):  # there is nothing to take
        expect(visit.studio.get_by_role("button", name=name)).to_be_disabled()
    visit.press("Take a photograph on Instant instead")
    expect(visit.page.get_by_role("button", name="Take Photo")).to_be_visible()
    visit.context.close()


@pytest.fixture(scope="module")
def alone(tmp_path_factory, runtime):
    """Serve an app whose only copy of ONNX Runtime Web is what set-up puts into static/."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("app.py", "ui", "pages", "nst_core", "assets", ".streamlit"):
        (folder / name).symlink_to(browser.ROOT / name)
    set_up.fetch(set_up.BACKENDS["wasm"], folder / "static" / "onnxruntime-web", f"{runtime}/")
    with browser.served(root=str(folder), NST_RUNTIME_URL="") as address:
        yield address


def test_the_camera_is_painted_where_no_other_host_can_be_reached(chromium, alone):
    visit, refused = Visit(chromium, "about:blank"), list[str]()

    def answer(route):
        if urlsplit(route.request.url).hostname in ("localhost", None):
            return route.continue_()
        refused.append(route.request.url)
        return route.abort()

    visit.context.route("**/*", answer)
    visit.page.goto(f"{alone}/live?side={SIDE}")
    visit.painted(2)
    visit.press("Use my camera")
    expect(visit.studio.get_by_role("button", name="Camera off")).to_be_visible()
    camera, painted = visit.painted(8)
    assert visit.studio.evaluate("root => root.studio.source.track?.readyState") == "live"
    assert np.abs(painted.astype(float) - camera).mean() > 10  # painted, not shown as it is
    assert camera.std() > 20  # Chromium's fake camera: a green picture with a turning circle
    assert [url for url in visit.requests if f"{alone}/app/static/onnxruntime-web/" in url]
    assert not refused
    visit.context.close()


def paced(chromium, prefer, cost, aspects):
    """Return the sizes that Pace comes to, one for each aspect, on a device whose frames take `cost` milliseconds a pixel."""
    page = chromium.new_page()
    script = f"""({{ prefer, cost, aspects }}) => {{
        {(live.PARTS / "pace.js").read_text()}
        return aspects.map((aspect) => {{
            const pace = new Pace(160, undefined, prefer);
            for (let frame = 0; frame < 300; frame++) {{
                const [width, height] = pace.shape(aspect);
                pace.note(cost * width * height);
            }}
            return pace.shape(aspect);
        }});
    }}"""
    try:
        return page.evaluate(script, {"prefer": prefer, "cost": cost, "aspects": aspects})
    finally:
        page.close()


@pytest.mark.parametrize("prefer", ["smoother", "sharper"])
def test_no_device_is_too_slow_for_160_by_120(chromium, prefer):
    wide, standard, square, upright = paced(chromium, prefer, 1.0, [16 / 9, 4 / 3, 1, 3 / 4])
    assert (standard, upright) == ([160, 120], [120, 160])
    assert square == [160, 160]
    assert min(wide) == 120 and max(wide) >= 212


def test_sharper_paints_larger_frames_than_smoother_on_the_same_device(chromium):
    """A frame of 320 × 240 takes 84 ms, one of 448 × 336 166 ms: the largest that keep 8 and 4 frames a second."""
    ((smoother, _),), ((sharper, _),) = (paced(chromium, prefer, 0.0011, [4 / 3]) for prefer in ("smoother", "sharper"))
    assert (smoother, sharper) == (320, 448)


def test_a_preference_is_kept(visit):
    visit.painted(1)
    choice = visit.studio.get_by_role("combobox", name="If this device is slow")
    choice.select_option("sharper")
    visit.page.reload()
    visit.painted(1)
    expect(choice).to_have_value("sharper")
    assert visit.studio.evaluate("root => root.studio.pace.slow") == 250


def test_a_phone(playwright, address):
    """With two cameras, held upright."""
    two = [f"{flag}=device-count=2" if "fake-device" in flag else flag for flag in FLAGS]
    chromium = playwright.chromium.launch(executable_path=browser.chromium_path(), args=two)
    screen = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    visit = Visit(chromium, address, **screen)
    content, _ = visit.painted(1)
    assert content.shape == (SIDE, 72, 3)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    canvas = visit.studio.locator("canvas").bounding_box()
    assert canvas["y"] + canvas["height"] < 844
    for button in visit.studio.locator(".bar button").all():
        assert min(button.bounding_box()[side] for side in ("width", "height")) >= 48
    visit.press("Use my camera")
    used = "root => root.studio.source.track?.label"
    expect(visit.studio.get_by_role("button", name="Other camera")).to_be_visible()
    first = visit.studio.evaluate(used)
    visit.press("Other camera")
    visit.painted(8)
    assert visit.studio.evaluate(used) not in (None, first)
    chromium.close()
