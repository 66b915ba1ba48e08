"""The app under a sub-path, as behind a proxy."""

import re

from playwright.sync_api import expect

from tests.browser import PATIENCE, result, served


def test_under_a_sub_path_pictures_are_painted_and_pages_found(chromium):
    with served(STREAMLIT_SERVER_BASE_URL_PATH="paint") as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        result(page)
        page.get_by_role("link", name="Optimize", exact=True).click()
        expect(page).to_have_url(re.compile("/paint/optimize"))
        page.get_by_role("button", name="Start", exact=True).wait_for()
        page.reload()
        page.get_by_role("button", name="Start", exact=True).wait_for()
        page.close()
