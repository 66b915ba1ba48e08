"""Take the README's picture of the app: `python -m tests.screenshot`."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests import browser

TARGET = Path(__file__).parent.parent / "assets" / "screenshot.jpg"


def main() -> None:
    with browser.served() as address, sync_playwright() as playwright:
        page = browser.launch(playwright).new_page(viewport={"width": 1280, "height": 860})
        page.goto(address)
        browser.result(page)
        page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(TARGET, quality=85, optimize=True)
    print(TARGET)


if __name__ == "__main__":
    main()
