"""As the public would have it, in a real Chromium: batches, full queues, two tabs, cut lines, a server that is restarted."""

import io
import re
import zipfile

import pytest
from playwright.sync_api import expect
from skimage import data

from nst_core import images, recipes
from nst_core.recipes import Source
from tests.browser import PATIENCE, Line, download, free_port, result, served, settled

ITERATION = re.compile(r"Iteration \d+ of")


def open_optimize(page, address, iterations=10_000):
    """Open the page with a run of many iterations and few pixels, which lasts and has its first iteration soon."""
    page.goto(f"{address}/optimize")
    settled(page)  # what is opened while the page is drawn may close again
    page.get_by_text("Everything else", exact=True).click()
    page.get_by_role("slider", name="Longer side, pixels").press("Home")
    settled(page)
    box = page.get_by_label("Iterations", exact=True)
    box.fill(str(iterations))
    box.press("Enter")
    settled(page)
    return page


def start(page):
    page.get_by_role("button", name="Start", exact=True).click()


def cancel(page):
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()


def iteration(page):
    text = page.get_by_text(ITERATION).inner_text()
    return int(re.search(r"Iteration (\d+)", text).group(1))


def goes_on(page):
    """The iteration, once it is another than now."""
    expect(page.get_by_text(re.compile(rf"Iteration (?!{iteration(page)} )\d+ of"))).to_be_visible()
    return iteration(page)


def test_a_batch_is_painted_listed_zipped_and_found_again(tab, address):
    tab.goto(address)
    result(tab)
    photographs = {"coffee.jpg": data.coffee(), "cat.png": data.chelsea(), "cat.jpg": data.chelsea()}
    files = [
        {"name": name, "mimeType": "image/jpeg", "buffer": images.encode(images.from_uint8(picture), "jpeg")}
        for name, picture in photographs.items()
    ]
    files.append({"name": "no_*picture*.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    tab.get_by_text("Many photographs at once").click()
    tab.locator("[class*=st-key-instant-batch_upload] input").set_input_files(files)
    tab.get_by_role("button", name="Paint 4 photographs").click()
    expect(tab.get_by_text("3 of 4 photographs are painted.")).to_be_visible()
    expect(tab.get_by_text("no_*picture*.jpg is not a picture")).to_be_visible()
    with zipfile.ZipFile(io.BytesIO(download(tab, "Download the ZIP"))) as archive:
        made = {name: recipes.of_png(archive.read(name)) for name in archive.namelist()}
    assert sorted(made) == ["cat-2.png", "cat.png", "coffee.png"]
    assert made["coffee.png"].content.name == "coffee.jpg"
    assert {recipe.styles[0].source for recipe in made.values()} == {Source(name="woodcut-waves")}
    tab.reload()
    expect(tab.get_by_text("3 of 4 photographs are painted.")).to_be_visible()
    tab.get_by_role("button", name="Another batch").click()
    expect(tab.locator("[class*=st-key-instant-batch_upload] input")).to_be_attached()


def test_two_tabs_show_one_run_and_the_second_keeps_it(profile, tab, address):
    first, second = open_optimize(profile.new_page(), address), tab
    start(first)
    expect(first.get_by_text(ITERATION)).to_be_visible()
    second.goto(first.url)
    expect(second.get_by_text(ITERATION)).to_be_visible()
    assert second.url == first.url
    first.close()
    goes_on(second)
    cancel(second)


def test_a_cut_line_costs_nothing(tab, address):
    line = Line(address)
    page = open_optimize(tab, line.address)
    start(page)
    expect(page.get_by_text(ITERATION)).to_be_visible()
    seen = iteration(page)
    line.cut()
    expect(page.get_by_test_id("stApp")).not_to_have_attribute("data-test-connection-state", "CONNECTED")
    line.mend()
    assert goes_on(page) > seen
    cancel(page)


def test_a_restarted_server_goes_on_with_the_run(tab, tmp_path):
    port = free_port()
    with served(on=port, NST_CHECKPOINT_DIR=str(tmp_path)) as address:
        page = open_optimize(tab, address)
        start(page)
        expect(page.get_by_text(re.compile(r"Iteration [3-9]\d of|Iteration \d{3,} of"))).to_be_visible()
        seen = iteration(page)
    assert list(tmp_path.glob("*.order.npz"))
    seen = iteration(page)
    with served(on=port, NST_CHECKPOINT_DIR=str(tmp_path)):
        # the browser joins the new server by itself, with the address that names the job
        assert goes_on(page) > seen / 2
        cancel(page)
        assert not list(tmp_path.iterdir())


def test_a_full_queue_is_a_sentence_and_instant_paints_on(tab, chromium):
    with served(NST_MAX_QUEUE="1", NST_MAX_JOBS="1") as address:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        page, other = open_optimize(tab, address), open_optimize(context.new_page(), address)
        start(page)
        expect(page.get_by_text(ITERATION)).to_be_visible()
        start(other)
        expect(other.get_by_text(re.compile("All places for slow jobs are taken.*try again later"))).to_be_visible()
        other.goto(address)
        result(other)
        page.get_by_role("link", name=re.compile("Texture networks")).first.click()
        page.get_by_text("Train", exact=True).click()
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page.get_by_text(re.compile("all places that a visitor has"))).to_be_visible()
        assert other.locator('[data-testid="stException"]').count() == 0
        context.close()


@pytest.mark.parametrize("path", ["", "optimize", "masks", "texture_networks"])
def test_a_link_to_a_job_that_is_gone_opens_the_page_as_ever(tab, address, path):
    tab.goto(f"{address}/{path}?job={'0' * 32}&batch=x-../../y")
    expect(tab.get_by_role("heading").first).to_be_visible()
    settled(tab)
