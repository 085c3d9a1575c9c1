"""The page in a real browser, as a person uses it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from regraft.images.opening import open_images
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

BROWSER, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER.exists() and DRIVER.exists()), reason="Chromium is not installed here")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page in the browser, with words for what a person does."""

    def __init__(self, driver: Any, address: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> None:
        self.driver, self.address = driver, address
        driver.get_log("browser")
        driver.get_log("performance")
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get(address)

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(f"return {script}", *arguments)

    def until(self, script: str, *arguments: object) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, 0.03).until(lambda _: self.js(script, *arguments), script)

    def element(self, name: str) -> Any:
        return self.driver.find_element("id", name)

    def text(self, name: str) -> str:
        return str(self.js("document.getElementById(arguments[0]).textContent", name))

    def ready(self) -> None:
        self.until("document.getElementById('about').textContent.includes('classes apart')")

    def drop(self, name: str, content: bytes | int) -> None:
        """Drops a file on the page, as a desktop does; of so many zeros where a number is given."""
        self.driver.execute_script(
            "const data = new DataTransfer();"
            "data.items.add(new File([new Uint8Array(arguments[1])], arguments[0]));"
            "const drop = (type) => document.getElementById('drop').dispatchEvent("
            "new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: data}));"
            "drop('dragenter'); drop('dragover'); drop('drop');",
            name,
            content if isinstance(content, int) else list(content),
        )

    def answered(self) -> None:
        self.until("document.getElementById('main').dataset.state === 'done'")
        self.until("document.getElementById('heat').dataset.drawn")

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self) -> list[str]:
        """What the browser's console has, and requests to elsewhere."""
        found = [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((self.address, f"blob:{self.address}", "data:", "about:")):
                    found.append(url)
        return found


@pytest.fixture
def opened(chromium: Any, served: Any) -> Callable[..., Page]:
    """Opens the page of a server; by default of the one without a token."""

    def open_page(server: Any = served, **options: Any) -> Page:
        return Page(chromium, server.address, **options)

    return open_page


@pytest.fixture
def photo(photos: Path) -> bytes:
    return (photos / "red" / "05.jpg").read_bytes()


def test_a_dropped_picture_is_answered_explained_and_corrected(
    opened: Callable[..., Page], served: Any, page_run: RunFolder, photo: bytes
) -> None:
    page = opened()
    page.ready()
    assert page.js("document.getElementById('main').dataset.state") == "empty"
    page.drop("<b>05</b>.jpg", photo)
    page.answered()
    predictor = Predictor(page_run)
    shares = predictor.probabilities([predictor.seen(photo)])[0]
    best = predictor.classes[shares.argmax()]
    assert page.text("label") == best == "<img src=x onerror=alert(1)>"  # a name, not an element
    assert page.text("name") == "<b>05</b>.jpg"
    assert float(page.text("sure").strip("<>\u202f %")) == pytest.approx(100 * shares.max(), abs=0.06)
    assert "answer" in page.text("trust")
    assert best in page.text("status")
    bars = page.js("[...document.querySelectorAll('#bars .class')].map((bar) => bar.textContent)")
    assert bars == [predictor.classes[index] for index in (-shares).argsort()]
    colours = page.js(
        "document.getElementById('heat').getContext('2d').getImageData(0, 0, 200, 200).data.slice(0, 4000)"
    )
    assert len({tuple(colours[at : at + 4]) for at in range(0, 4000, 4)}) > 5
    before = page.js("document.getElementById('heat').toDataURL()")
    page.driver.find_element("css selector", "#bars li:nth-child(2) button").click()
    page.until("document.getElementById('heat').dataset.drawn === arguments[0]", str((-shares).argsort()[1]))
    assert page.js("document.getElementById('heat').toDataURL()") != before
    page.until("document.querySelectorAll('#near-list img').length === 6")
    page.until("[...document.querySelectorAll('#near-list img')].every((image) => image.naturalWidth > 0)")

    folder = served.corrections / "small & <b>odd"
    page.js("document.getElementById('truth').value = '1'")
    page.driver.find_element("css selector", "#correct button").click()
    page.until("!document.getElementById('kept').hidden")
    assert [image.label for image in open_images(folder, minimum_classes=1).images] == ["green"]
    page.element("undo").click()
    page.until("document.getElementById('kept').hidden")
    assert not list(folder.rglob("*.jpg"))
    assert page.complaints() == []


def test_all_of_it_goes_by_keyboard(opened: Callable[..., Page], served: Any, photo: bytes, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    (tmp_path / "05.jpg").write_bytes(photo)
    page = opened(dark=True)
    page.ready()

    def focused() -> str:
        return str(page.js("document.activeElement.id || document.activeElement.tagName"))

    def tab_to(name: str) -> None:
        for _ in range(25):
            if focused() == name:
                return
            page.keys(Keys.TAB)
        pytest.fail(f"the Tab key never came to {name}, but to {focused()}")

    tab_to("files")
    ring = page.js("getComputedStyle(document.querySelector('label[for=files]')).outlineStyle")
    assert ring == "solid"
    page.element("files").send_keys(str(tmp_path / "05.jpg"))  # what the browser's own dialogue would give
    page.answered()
    tab_to("strength")
    before = page.js("document.getElementById('heat').toDataURL()")
    page.keys(Keys.ARROW_LEFT * 5)
    page.until("document.getElementById('heat').toDataURL() !== arguments[0]", before)
    tab_to("BUTTON")
    page.keys(Keys.TAB, Keys.ENTER)
    page.until("document.querySelector('#bars li:nth-child(2) button').getAttribute('aria-pressed') === 'true'")
    tab_to("truth")
    page.keys("green", Keys.TAB, Keys.ENTER)
    page.until("!document.getElementById('kept').hidden")
    assert focused() == "kept-text"
    assert page.text("status") == "Kept as green."
    page.keys(Keys.TAB, Keys.ENTER)
    page.until("document.getElementById('kept').hidden")
    assert focused() == "truth"
    assert not list((served.corrections / "small & <b>odd").rglob("*.jpg"))
    assert page.js("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 24)"
    assert page.complaints() == []


def test_a_phone_shows_it_without_scrolling_sideways(opened: Callable[..., Page], photo: bytes) -> None:
    page = opened(width=360, height=740)
    page.ready()
    narrow = "document.documentElement.scrollWidth <= 360"
    assert page.js(narrow)
    tall = io.BytesIO()
    Image.new("RGB", (40, 900), "teal").save(tall, "PNG")
    page.drop("tall.png", tall.getvalue())
    page.drop("a-name-that-does-not-end-" * 8 + ".jpg", photo)
    page.answered()
    assert page.js(narrow)
    page.until("document.querySelectorAll('#strip button').length === 2")
    page.driver.find_element("css selector", "#strip li:first-child button").click()
    page.answered()
    assert page.text("name") == "tall.png"
    assert page.js(narrow)
    small = page.js(
        "[...document.querySelectorAll('button, select, label.button')].filter((one) => one.offsetHeight && "
        "one.offsetHeight < 34).map((one) => one.outerHTML)"
    )
    assert small == []
    assert page.complaints() == []


def test_errors_are_told_in_words(opened: Callable[..., Page], photo: bytes) -> None:
    page = opened()
    page.ready()
    tiff = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(tiff, "TIFF")
    page.drop("notes.txt", b"Dear diary")
    page.until("!document.getElementById('error').hidden")
    assert "cannot be read: not an image (text?)" in page.text("error-text")
    assert page.js("document.getElementById('again').hidden")
    page.drop("flower.tif", tiff.getvalue())
    page.until("document.getElementById('main').dataset.state === 'done'")
    page.until("!document.getElementById('unseen').hidden && document.getElementById('map').hidden")
    page.drop("huge.png", 2_000_001)
    page.until("document.getElementById('error-text').textContent.includes('up to 2.0 MB')")
    page.driver.execute_script("window.send = window.fetch; window.fetch = () => Promise.reject(new TypeError('no'))")
    page.drop("05.jpg", photo)
    page.until("document.getElementById('error-text').textContent.includes('regraft serve')")
    busy = "new Response('{}', {status: 429, headers: {'Retry-After': '1'}})"
    page.driver.execute_script(
        f"let asked = 0; window.fetch = (...all) => Promise.resolve(asked++ ? window.send(...all) : {busy});"
    )
    page.element("again").click()
    page.until("document.getElementById('working-text').textContent.includes('busy')")
    page.answered()
    assert page.js("document.getElementById('error').hidden")


def test_the_token_is_asked_for_once(opened: Callable[..., Page], guarded: Any, photo: bytes) -> None:
    page = opened(guarded)
    page.until("document.getElementById('ask-token').open")
    page.element("token").send_keys("wrong\n")
    page.until("document.getElementById('token-text').textContent.includes('not the server')")
    page.until("document.getElementById('ask-token').open")
    page.element("token").send_keys("a-token\n")
    page.ready()
    page.drop("05.jpg", photo)
    page.answered()
    page.until("document.querySelectorAll('#near-list img').length === 6")
    tab = page.driver.current_window_handle
    page.element("report").click()
    page.until("true")
    (other,) = {*page.driver.window_handles} - {tab}
    page.driver.switch_to.window(other)
    page.until("document.title === 'The report'")
    page.until(
        "document.querySelector('p') && getComputedStyle(document.querySelector('p')).color === 'rgb(255, 0, 0)'"
    )
    page.driver.close()
    page.driver.switch_to.window(tab)
    assert page.js("document.getElementById('ask-token').open") is False
