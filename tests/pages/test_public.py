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


def visitor(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    return context


def open_optimize(context, address, iterations=5000):
    page = context.new_page()
    page.goto(f"{address}/optimize")
    page.get_by_text("Everything else", exact=True).click()
    box = page.get_by_label("Rounds (iterations)", exact=True)
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


def whole(page):
    """Whatever happened, no page ever shows a traceback."""
    assert page.locator('[data-testid="stException"]').count() == 0


def test_a_batch_is_painted_listed_zipped_and_found_again(chromium, address):
    context = visitor(chromium)
    page = context.new_page()
    page.goto(address)
    result(page)
    photographs = {"coffee.jpg": data.coffee(), "cat.png": data.chelsea(), "cat.jpg": data.chelsea()}
    files = [
        {"name": name, "mimeType": "image/jpeg", "buffer": images.encode(images.from_uint8(picture), "jpeg")}
        for name, picture in photographs.items()
    ]
    files.append({"name": "no_*picture*.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    page.get_by_text("Many photographs at once").click()
    page.locator("[class*=st-key-instant-batch_upload] input").set_input_files(files)
    page.get_by_role("button", name="Paint 4 photographs").click()
    expect(page.get_by_text("3 of 4 photographs are painted.")).to_be_visible()
    expect(page.get_by_text("no_*picture*.jpg is not a picture")).to_be_visible()
    with zipfile.ZipFile(io.BytesIO(download(page, "Download the ZIP"))) as archive:
        made = {name: recipes.of_png(archive.read(name)) for name in archive.namelist()}
    assert sorted(made) == ["cat-2.png", "cat.png", "coffee.png"]
    assert made["coffee.png"].content.name == "coffee.jpg"
    assert {recipe.styles[0].source for recipe in made.values()} == {Source(name="woodcut-waves")}
    page.reload()
    expect(page.get_by_text("3 of 4 photographs are painted.")).to_be_visible()
    page.get_by_role("button", name="Another batch").click()
    expect(page.locator("[class*=st-key-instant-batch_upload] input")).to_be_attached()
    whole(page)
    context.close()


def test_two_tabs_show_one_run_and_the_second_keeps_it(chromium, address):
    context = visitor(chromium)
    first = open_optimize(context, address)
    start(first)
    expect(first.get_by_text(ITERATION)).to_be_visible()
    second = context.new_page()
    second.goto(first.url)
    expect(second.get_by_text(ITERATION)).to_be_visible()
    assert second.url == first.url
    first.close()
    goes_on(second)
    cancel(second)
    whole(second)
    context.close()


def test_a_cut_line_costs_nothing(chromium, address):
    line, context = Line(address), visitor(chromium)
    page = open_optimize(context, line.address)
    start(page)
    expect(page.get_by_text(ITERATION)).to_be_visible()
    seen = iteration(page)
    line.cut()
    expect(page.get_by_test_id("stApp")).not_to_have_attribute("data-test-connection-state", "CONNECTED")
    line.mend()
    assert goes_on(page) > seen
    cancel(page)
    whole(page)
    context.close()


def test_a_restarted_server_goes_on_with_the_run(chromium, tmp_path):
    port, context = free_port(), visitor(chromium)
    with served(on=port, NST_CHECKPOINT_DIR=str(tmp_path)) as address:
        page = open_optimize(context, address)
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
        whole(page)
    context.close()


def test_a_full_queue_is_a_sentence_and_instant_paints_on(chromium):
    with served(NST_MAX_QUEUE="1", NST_MAX_JOBS="1") as address:
        first, second = visitor(chromium), visitor(chromium)
        page, other = open_optimize(first, address), open_optimize(second, address)
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
        for each in (page, other):
            whole(each)
        first.close()
        second.close()


@pytest.mark.parametrize("path", ["", "optimize", "masks", "texture_networks"])
def test_a_link_to_a_job_that_is_gone_opens_the_page_as_ever(chromium, address, path):
    context = visitor(chromium)
    page = context.new_page()
    page.goto(f"{address}/{path}?job={'0' * 32}&batch=x-../../y")
    expect(page.get_by_role("heading").first).to_be_visible()
    settled(page)
    whole(page)
    context.close()
