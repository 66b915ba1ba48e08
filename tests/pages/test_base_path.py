"""The app under a sub-path, as behind a proxy."""

import re

from playwright.sync_api import expect

from tests import npm
from tests.browser import PATIENCE, result, served


def test_under_a_sub_path_pictures_are_painted_and_pages_found(chromium, runtime):
    npm.fetch()
    with served(STREAMLIT_SERVER_BASE_URL_PATH="paint", NST_RUNTIME_URL=runtime) as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        result(page)
        page.get_by_role("link", name="Optimize", exact=True).click()
        expect(page).to_have_url(re.compile("/paint/optimize"))
        page.get_by_role("button", name="Start", exact=True).wait_for()
        page.reload()
        page.get_by_role("button", name="Start", exact=True).wait_for()
        page.get_by_role("link", name="Live", exact=True).click()
        expect(page.locator(".live .pace")).to_contain_text("frames a second")  # the model and the photographs were found
        page.close()
