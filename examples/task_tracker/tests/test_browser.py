"""The web front in a real browser: Chromium, from the Debian packages chromium and chromium-driver."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import serving

pytest.importorskip("flask", reason="the web front needs Flask: pip install '.[examples]'")
pytest.importorskip("selenium", reason="selenium drives the browser: pip install '.[test]'")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of, title_is
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE_SECONDS = 60
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def programs() -> list[str] | None:
    """Browser and driver, where they are installed."""
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    return [one for one in found if one] if all(found) else None


def install() -> str:
    """Try to install them; what was in the way."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "they can be installed by root on a Debian system only: apt-get install chromium chromium-driver"
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*command, "update"], env=environment, capture_output=True, check=False)
    packages = ["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]
    done = subprocess.run([*command, *packages], env=environment, capture_output=True, text=True, check=False)
    return done.stderr


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    complaint = "" if programs() else install()
    found = programs()
    if found is None:
        pytest.skip(f"there is no Chromium with its driver: {complaint}")
    options = ChromeOptions()
    options.binary_location = found[0]
    for option in [*OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(option)
    driver = Chrome(options, ChromeService(found[1]))
    try:
        yield driver
    finally:
        driver.quit()


class Visitor:
    """Somebody who looks at pages, fills in forms and presses buttons."""

    def __init__(self, browser: Chrome) -> None:
        self._browser = browser

    def fill(self, form: str, **fields: str) -> None:
        """Fill in a form; dates by script, since how they are typed depends on the locale."""
        for name, value in fields.items():
            field = self._browser.find_element(By.CSS_SELECTOR, f"{form} [name={name}]")
            if field.tag_name == "select":
                Select(field).select_by_visible_text(value)
            elif field.get_attribute("type") == "date":
                self._browser.execute_script("arguments[0].value = arguments[1]", field, value)
            else:
                field.clear()
                field.send_keys(value)

    def press(self, button: str) -> None:
        """Press a button that leads to a page, and wait for it."""
        with self.loading():
            self._browser.find_element(By.CSS_SELECTOR, button).click()

    def follow(self, text: str) -> None:
        """Follow a link."""
        with self.loading():
            self._browser.find_element(By.LINK_TEXT, text).click()

    def choose(self, where: str, text: str) -> None:
        """Choose from a list that sends its form by itself."""
        with self.loading():
            Select(self._browser.find_element(By.CSS_SELECTOR, where)).select_by_visible_text(text)

    def texts(self, where: str) -> list[str]:
        """What is written in some elements of the page."""
        return [one.text for one in self._browser.find_elements(By.CSS_SELECTOR, where)]

    def loading(self) -> Loading:
        """A block at whose end another page is there."""
        return Loading(self._browser)


class Loading:
    """See `Visitor.loading`."""

    def __init__(self, browser: Chrome) -> None:
        self._browser = browser
        self._page = browser.find_element(By.TAG_NAME, "html")

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            WebDriverWait(self._browser, PATIENCE_SECONDS).until(staleness_of(self._page))
            WebDriverWait(self._browser, PATIENCE_SECONDS).until(
                lambda browser: browser.execute_script("return document.readyState") == "complete"
            )


@pytest.mark.timeout(1200)  # the browser may have to be installed
def test_a_visit(browser: Chrome, tmp_path: Path) -> None:
    visitor = Visitor(browser)
    with serving("task_tracker", tmp_path / "data") as server:
        browser.get(server.address)
        visitor.fill("form", name="House")
        visitor.press("form button")
        for title, owner, due, priority in [
            ("paint door", "Bob", "2030-01-09", "NORMAL"),
            ("mend roof", "Ann", "2030-01-09", "HIGH"),
            ("order coal", "Ann", "2030-01-02", "LOW"),
        ]:
            visitor.fill("#new", title=title, owner=owner, due=due, priority=priority, labels="home")
            visitor.press("#new button")
        assert visitor.texts("#OPEN .card > a") == ["order coal", "mend roof", "paint door"]
        assert visitor.texts("#OPEN .label") == ["home"] * 3

        visitor.choose("#OPEN .card.HIGH select", "DOING")
        assert visitor.texts("#DOING .card > a") == ["mend roof"]
        visitor.choose("#filter select", "Ann")
        assert visitor.texts(".card > a") == ["order coal", "mend roof"]
        visitor.follow("order coal")
        visitor.fill("#edit", title="order wood", status="DONE", labels="cellar")
        visitor.press("#edit button")
        project = browser.current_url

    with serving("task_tracker", tmp_path / "data") as server:  # the server was killed
        browser.get(server.address + project.split("/", 3)[3])
        WebDriverWait(browser, PATIENCE_SECONDS).until(title_is("House"))
        columns = {status: visitor.texts(f"#{status} .card > a") for status in ("OPEN", "DOING", "DONE")}
        assert columns == {"OPEN": ["paint door"], "DOING": ["mend roof"], "DONE": ["order wood"]}
        visitor.follow("All projects")
        assert visitor.texts("#projects td") == ["House", "1", "1", "1"]
        assert visitor.texts("#workload tr") == ["Ann 1 tasks 1 hours", "Bob 1 tasks 1 hours"]
