"""The page in a real browser: it sorts, filters, opens a cell, prints, and never errs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.view.page.conftest import BAD, IMAGE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="NO BROWSER IS TESTED HERE: chromium, chromedriver"
    ),
]
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
)


@pytest.fixture(scope="module")
def started() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ARGUMENTS:
        options.add_argument(argument)
    browser = Chrome(options=options, service=Service(str(DRIVER)))
    yield browser
    browser.quit()


@pytest.fixture
def browser(started: Chrome, page: str, tmp_path: Path) -> Iterator[Chrome]:
    """A browser with the page; whatever is done to it, the console must hold no word."""
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    started.get((tmp_path / "page.html").as_uri())
    yield started
    assert started.get_log("browser") == []
    assert "stolen" not in started.title


def rows(browser: Chrome) -> list[WebElement]:
    return list(browser.find_elements(By.CSS_SELECTOR, "table[data-cells] tbody tr"))


def column(browser: Chrome, name: str) -> list[str]:
    """Return the cells of a column of the table of cells."""
    heads = browser.find_elements(By.CSS_SELECTOR, "table[data-cells] thead th")
    at = [head.text.strip(" ▲▼") for head in heads].index(name)
    return [line.find_elements(By.CSS_SELECTOR, "th, td")[at].text for line in rows(browser)]


def sort_by(browser: Chrome, name: str) -> str | None:
    button = browser.find_element(By.CSS_SELECTOR, f'button[data-sort="{name}"]')
    button.send_keys(Keys.ENTER)  # by the keyboard
    head = browser.find_element(By.CSS_SELECTOR, f'th:has(button[data-sort="{name}"])')
    return str(head.get_attribute("aria-sort"))


def test_a_column_sorts_both_ways_and_what_is_unknown_comes_last(browser: Chrome) -> None:
    assert sort_by(browser, "gain") == "descending"
    down = column(browser, "gain")
    assert down == [*sorted(down[:-1], reverse=True), "-"]
    assert sort_by(browser, "gain") == "ascending"
    assert column(browser, "gain") == [*sorted(down[:-1]), "-"]
    focused = browser.switch_to.active_element.get_attribute("data-sort")
    assert focused == "gain"  # who sorts by the keyboard keeps the place


def test_filters_narrow_the_table_and_say_so(browser: Chrome) -> None:
    assert len(rows(browser)) == 13
    labels = browser.find_elements(By.CSS_SELECTOR, "[data-controls] label")
    owner = next(label for label in labels if label.text.startswith("owner"))
    Select(owner.find_element(By.TAG_NAME, "select")).select_by_visible_text(BAD)
    assert set(column(browser, "owner")) == {BAD}
    said = browser.find_element(By.CSS_SELECTOR, "[data-count]").text
    assert said == "6 of 13 cells; shown: 1 to 6"
    search = browser.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("sound")
    assert len(rows(browser)) == 3
    search.send_keys("nothing of the kind")
    assert browser.find_element(By.CSS_SELECTOR, "[data-count]").text == "no cell is like that"


def test_a_cell_opens_with_its_evidence_as_text_and_closes_by_escape(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, "button.open").send_keys(Keys.ENTER)
    dialog = browser.find_element(By.ID, "cell")
    assert dialog.get_attribute("open") is not None
    assert BAD in dialog.text
    assert IMAGE in dialog.text
    for said in ("p-value", "images queried", "arena run cell.toml", "threshold of the rescaled"):
        assert said in dialog.text, said
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert dialog.get_attribute("open") is None


def test_the_heat_map_leads_to_the_cells_of_a_pair(browser: Chrome) -> None:
    spots = browser.find_elements(By.CSS_SELECTOR, ".heat td button")
    (spot,) = [one for one in spots if one.accessible_name == "plain against sound: 0.67"]
    browser.execute_script("arguments[0].click()", spot)
    assert column(browser, "owner") == ["plain"] * 3
    select = Select(browser.find_element(By.CSS_SELECTOR, "select[data-map]"))
    select.select_by_index(1)
    caption = browser.find_element(By.CSS_SELECTOR, ".heat caption").text
    assert caption == "rescaled statistic of the owner"


def test_writing_on_the_heat_map_has_contrast(browser: Chrome) -> None:
    ratios = browser.execute_script(CONTRASTS)
    assert len(ratios) == 4
    assert min(ratios) >= 4.5


def test_nothing_overflows_a_narrow_screen_and_everything_prints(browser: Chrome) -> None:
    narrow = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    assert browser.execute_script(TOO_WIDE) == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert len(browser.print_page()) > 10_000
    assert all(
        browser.execute_script("return [...document.querySelectorAll('details')].map(d => d.open)")
    )


TOO_WIDE = """
return [...document.querySelectorAll("body *")]
  .filter((one) => !one.closest(".wide") && one.getBoundingClientRect().right > 401)
  .map((one) => one.outerHTML);
"""
CONTRASTS = """
const bright = (colour) => {
  const [r, g, b] = colour.match(/\\d+/g).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
return [...document.querySelectorAll(".heat td:not(.missing)")].map((cell) => {
  const style = getComputedStyle(cell);
  const [one, other] = [bright(style.color), bright(style.backgroundColor)].sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
});
"""
