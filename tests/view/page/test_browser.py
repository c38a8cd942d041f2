"""The page in a real browser: it sorts, filters, opens a cell, prints, and never errs."""

from __future__ import annotations

import re
import shutil
import tomllib
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
def ordinary(started: Chrome, usual_page: str, tmp_path: Path) -> Iterator[Chrome]:
    """A browser with a page of names of a usual length; the console must hold no word."""
    (tmp_path / "usual.html").write_text(usual_page, encoding="utf-8")
    started.get((tmp_path / "usual.html").as_uri())
    yield started
    started.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert started.get_log("browser") == []


def narrow(browser: Chrome) -> None:
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def right_of(browser: Chrome, *names: str) -> list[float]:
    """Return where columns of the table of cells end, in pixels."""
    heads = [f'th:has(> button[data-sort="{name}"])' for name in names]
    found = [browser.find_element(By.CSS_SELECTOR, head).rect for head in heads]
    return [each["x"] + each["width"] for each in found]


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
    assert all(name.startswith(f"{BAD}-vs-") for name in column(browser, "match"))
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


def test_a_cell_plays_again_under_a_name_of_its_own(browser: Chrome) -> None:
    browser.execute_script("document.querySelector('button.open').click()")
    text = browser.find_element(By.ID, "cell-toml").get_attribute("textContent")
    told = tomllib.loads(str(text))
    assert re.fullmatch(
        r"script-script-document\.title-stolen-script-+vs-[A-Za-z0-9._-]*", told["name"]
    )
    assert len(told["name"]) <= 64
    assert told["description"] == "one cell of made"


def test_the_heat_map_leads_to_the_cells_of_a_pair(browser: Chrome) -> None:
    spots = browser.find_elements(By.CSS_SELECTOR, ".heat td button")
    (spot,) = [one for one in spots if one.accessible_name == "plain against sound: 0.67"]
    browser.execute_script("arguments[0].click()", spot)
    assert column(browser, "match") == [f"plain-vs-sound-{repeat}" for repeat in range(3)]
    select = Select(browser.find_element(By.CSS_SELECTOR, "select[data-map]"))
    select.select_by_index(1)
    caption = browser.find_element(By.CSS_SELECTOR, ".heat caption").text
    assert caption == "rescaled statistic of the owner"


@pytest.mark.parametrize("which", [0, 1, 2])
def test_writing_on_the_heat_map_has_contrast(ordinary: Chrome, which: int) -> None:
    Select(ordinary.find_element(By.CSS_SELECTOR, "select[data-map]")).select_by_index(which)
    ratios = ordinary.execute_script(CONTRASTS)
    assert len(ratios) == 9
    assert min(ratios) >= 4.5


def test_red_is_short_of_the_threshold_and_blue_is_past_it(ordinary: Chrome) -> None:
    select = Select(ordinary.find_element(By.CSS_SELECTOR, "select[data-map]"))
    select.select_by_index(1)
    for i, (red, _, blue) in enumerate(ordinary.execute_script(GROUNDS)):
        assert (red > blue) == (i < 4), i
        assert abs(red - blue) < 5 or i != 4
    key = ordinary.find_element(By.CSS_SELECTOR, "[data-key]")
    assert key.text.splitlines() == [
        "below 0.5: short of its threshold",
        "0.5: at its threshold",
        "above 0.5: past its threshold",
    ]
    select.select_by_index(0)
    assert key.text.startswith("0: caught or no gain")
    assert len(key.find_elements(By.TAG_NAME, "i")) == 2


def test_cells_sort_by_what_has_no_column(ordinary: Chrome) -> None:
    order = Select(ordinary.find_element(By.CSS_SELECTOR, "select[data-order]"))
    order.select_by_visible_text("thief")
    thieves = ["ft-al"] * 3 + ["prune-twice"] * 3 + ["retrain"] * 3
    assert [name.split("-vs-")[1][:-2] for name in column(ordinary, "match")] == thieves
    ordinary.find_element(By.XPATH, "//button[text()='Turn round']").click()
    assert [name.split("-vs-")[1][:-2] for name in column(ordinary, "match")] == thieves[::-1]
    sort_by(ordinary, "gain")
    assert order.first_selected_option.text == "gain"
    order.select_by_visible_text("order of play")
    assert column(ordinary, "match")[0] == "none-vs-ft-al-0"


def test_what_a_cell_is_opened_for_is_seen_without_scrolling(ordinary: Chrome) -> None:
    names = "caught", "payoff", "p_value", "utility", "kept", "gain"
    ends = right_of(ordinary, *names)
    assert ends == sorted(ends)
    assert ends[-1] < 1200
    narrow(ordinary)
    assert max(right_of(ordinary, "caught", "payoff")) < 400


def test_the_box_of_cells_grows_with_the_window(ordinary: Chrome) -> None:
    size = {"width": 2400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    ordinary.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    ordinary.execute_script(PADDED)  # as many figures would
    wide = ordinary.execute_script("return document.querySelector('.cells').clientWidth")
    assert 2000 < wide < 2400
    assert ordinary.execute_script("return document.documentElement.scrollWidth") <= 2400


def test_the_scroll_bars_of_the_cells_are_within_the_window(ordinary: Chrome) -> None:
    size = {"width": 1200, "height": 300, "deviceScaleFactor": 1, "mobile": False}
    ordinary.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert ordinary.find_element(By.CSS_SELECTOR, ".cells").rect["height"] <= 300


def test_the_table_of_false_alarms_fits_a_usual_window(ordinary: Chrome) -> None:
    assert ordinary.execute_script(OVERFLOW, "#t0-honesty .wide") == 0


def test_an_opened_cell_shows_values_on_a_narrow_screen(ordinary: Chrome) -> None:
    narrow(ordinary)
    ordinary.find_element(By.CSS_SELECTOR, "button.open").send_keys(Keys.ENTER)
    assert ordinary.execute_script(OVERFLOW, "#cell .wide") == 0
    values = ordinary.find_elements(By.CSS_SELECTOR, "#cell tbody td")
    assert len(values) > 20
    assert max(each.rect["x"] + each.rect["width"] for each in values) < 400


def test_what_machines_read_is_folded_and_charts_name_their_axes(ordinary: Chrome) -> None:
    ordinary.find_element(By.CSS_SELECTOR, "button.open").send_keys(Keys.ENTER)
    dialog = ordinary.find_element(By.ID, "cell")
    assert "value in round 0, from 0 to 1" in dialog.text
    assert "so many bits agree" in dialog.text
    assert "d1g357" not in dialog.text
    dialog.find_element(By.XPATH, ".//summary[text()='For machines']").click()
    for said in ("d1g357", "a CPU", '{"bits":3}'):
        assert said in dialog.text, said


def test_nothing_overflows_a_narrow_screen_and_everything_prints(browser: Chrome) -> None:
    narrow(browser)
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
OVERFLOW = """
const box = document.querySelector(arguments[0]);
return box.scrollWidth - box.clientWidth;
"""
PADDED = """
for (const cell of document.querySelectorAll(".cells tbody td")) cell.style.minWidth = "15rem";
"""
GROUNDS = """
return [...document.querySelectorAll(".heat td:not(.missing)")]
  .map((cell) => getComputedStyle(cell).backgroundColor.match(/\\d+/g).map(Number));
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
