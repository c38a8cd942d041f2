"""The page as a file: what is in it, how large it is, and that what players write stays text."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex

from arena.game.match.rows import RoundRow
from arena.game.rules.figures import values
from arena.runs.scenario import parse_scenario
from arena.view.page.contents import contents_of
from arena.view.page.evidence import as_text, evidence, packed_rounds, shown_columns
from arena.view.page.maps import maps
from arena.view.page.methods import Method, methods
from arena.view.page.render import policy, render_page
from arena.view.page.replay import toml_value, whole_scenario
from arena.view.results.report import Report
from arena.world.json_values import Raw
from tests.view.conftest import Command, made_report, row
from tests.view.page.conftest import BAD, IMAGE

VOID = {"meta", "img", "input", "br"}


class Outline(HTMLParser):
    """Reads a page strictly: every element is closed in order; keeps what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def outline(page: str) -> Outline:
    return Outline(page)


def test_every_element_is_closed_and_no_id_is_used_twice(outline: Outline) -> None:
    assert outline.open == []
    ids = Counter(attributes.get("id") for _, attributes in outline.elements)
    assert [name for name, n in ids.items() if name and n > 1] == []


def test_links_within_the_page_lead_somewhere(outline: Outline) -> None:
    ids = {attributes.get("id") for _, attributes in outline.elements}
    targets = [(link["href"] or "").removeprefix("#") for link in outline.of("a")]
    assert len(targets) > 8
    assert set(targets) <= ids


def test_nothing_is_loaded_from_anywhere(page: str, outline: Outline) -> None:
    sources = [a[name] for _, a in outline.elements for name in ("src", "href") if name in a]
    assert all(
        source and source.startswith(("#", "data:image/svg+xml;base64,")) for source in sources
    )
    assert not outline.of("link")
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/)", page)


def test_what_players_write_is_shown_and_not_read_as_html(page: str, outline: Outline) -> None:
    assert any(BAD in words for words in outline.words)
    assert any(IMAGE in words for words in outline.words)
    assert BAD not in page
    assert [image for image in outline.of("img") if image["src"] == "x"] == []
    kinds = [attributes.get("type") for attributes in outline.of("script")]
    assert kinds == ["application/json", None]
    assert not [a for _, a in outline.elements if any(name.startswith("on") for name in a)]


def test_only_our_own_script_may_run(page: str, outline: Outline) -> None:
    (said,) = [meta["content"] for meta in outline.of("meta") if "http-equiv" in meta]
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    assert said == policy(script)
    assert policy(script) != policy(script + " ")
    assert "default-src 'none'" in said


def test_pictures_and_tables_say_what_they_show(outline: Outline) -> None:
    pictures = outline.of("img")
    assert len(pictures) == 3
    assert all(len(picture["alt"] or "") > 40 for picture in pictures)
    assert len(outline.of("caption")) == len(outline.of("table"))
    assert outline.of("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_packed_rounds_are_the_ledger(report: Report) -> None:
    told: Mapping[str, Raw] = packed_rounds(report.rounds)
    for name, column in told.items():
        unpacked = column if isinstance(column, list) else [column["pool"][i] for i in column["at"]]
        for found, kept in zip(unpacked, report.rounds, strict=True):
            value = values(kept)[name]
            if isinstance(value, float):
                assert found == pytest.approx(value, rel=1e-5)
            elif isinstance(value, str | int | bool | None):
                assert found == value
    assert {"utility", "p_value", "reason", "images_queried", "threat", "message"} <= set(told)
    assert "strength" in told


def test_evidence_is_json_that_cannot_end_its_element(hostile: Report) -> None:
    text = as_text(evidence(hostile))
    assert "<" not in text
    assert json.loads(text)["owners"] == [BAD, "plain"]


def test_the_scenario_on_the_page_is_the_one_that_was_played(
    report: Report, tmp_path: Path
) -> None:
    again = parse_scenario(whole_scenario(report), tmp_path)
    assert again.plain() == report.facts["scenario"]


@pytest.mark.parametrize("text", ["plain", 'a "b" \\ c', "line\nbreak\x7f", "über\U0001f600"])
def test_any_text_is_toml(text: str) -> None:
    assert tomllib.loads(f"a = {toml_value({text: [text]})}") == {"a": {text: [text]}}


def test_the_command_writes_several_tournaments_into_one_file(
    arena: Command, played: Path, tmp_path: Path
) -> None:
    shutil.copytree(played, tmp_path / "one", ignore=shutil.ignore_patterns("artefacts"))
    shutil.copytree(played, tmp_path / "two", ignore=shutil.ignore_patterns("artefacts"))
    done = arena("page", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "p" / "x.html")
    assert (done.code, done.err) == (0, "")
    assert "10 cells are in" in done.out
    found = Outline((tmp_path / "p" / "x.html").read_text(encoding="utf-8"))
    assert {"t0", "t1"} <= {attributes.get("id") for _, attributes in found.elements}
    ids = Counter(attributes.get("id") for _, attributes in found.elements)
    assert [name for name, n in ids.items() if name and n > 1] == []


def test_a_tournament_that_is_named_twice_is_shown_once(
    arena: Command, played: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(played)
    done = arena("page", played, tmp_path / "link", played, "--out", tmp_path / "x.html")
    assert "5 cells are in" in done.out


def test_methods_have_their_citations(report: Report) -> None:
    told = methods(report)
    (uchida,) = [method for method in told["Schemes of the owners"] if method.name == "uchida"]
    assert uchida.paper.startswith("Uchida")
    assert uchida.sections["Differences to the paper"]
    assert {method.name for method in told["Moves of the thieves"]} == {"none", "ft-ll", "ft-al"}


def test_the_table_of_cells_begins_with_what_a_cell_is_opened_for(usual: Report) -> None:
    found = shown_columns(usual.finals)
    assert found[:6] == ["caught", "payoff", "p_value", "utility", "kept", "gain"]
    assert len(found) == len(set(found))
    assert {"rescaled", "cost"} < set(found)
    assert not {"owner", "thief", "repeat", "status"} & set(found)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (row("a", "t", repeat=1), {"repeat"}),
        (row("a", "t", None), {"status"}),
        (row("b", "t", match="another"), {"owner", "thief"}),
    ],
)
def test_a_column_is_shown_where_its_values_say_something(other: RoundRow, names: set[str]) -> None:
    found = shown_columns([row("a", "t"), other])
    assert {"owner", "thief", "repeat", "status"} & set(found) == names


def test_the_heat_maps_have_the_colours_of_the_pngs_and_a_key(hostile: Report) -> None:
    drawn_maps: list[Raw] = maps(hostile)
    payoff, rescaled, utility = drawn_maps
    for drawn, colours in ((payoff, "YlOrRd"), (rescaled, "RdBu"), (utility, "YlGnBu")):
        assert drawn["ramp"] == [to_hex(colormaps[colours](i / 10)) for i in range(11)]
        assert len(drawn["key"]) >= 2
    assert [says for _, says in rescaled["key"]] == [
        "below 0.5: short of its threshold",
        "0.5: at its threshold",
        "above 0.5: past its threshold",
    ]
    assert rescaled["empty"] == "no value; ·: still to be played"


def test_a_heat_map_without_holes_has_none_in_its_key(usual: Report) -> None:
    drawn_maps: list[Raw] = maps(usual)
    assert [each["empty"] for each in drawn_maps] == ["", "", ""]


def test_figures_stand_with_what_they_belong_to() -> None:
    told: Raw = evidence(made_report([row("a", "t")]))["figures"]
    names = [name for name, figure in told.items() if figure["role"] == "thief"]
    at = names.index("gain")
    assert names[at : at + 3] == ["gain", "gain_low", "gain_high"]
    assert told["rule_is_copy"] == {
        "says": "caught by the paper's rule",
        "role": "owner",
        "form": ".3f",
    }


def test_intervals_are_spoken_of_where_there_are_some(page: str, usual_page: str) -> None:
    assert "95&nbsp;% intervals over repeats" in page
    assert "95&nbsp;% intervals over repeats" not in usual_page
    assert "± is two standard deviations" in usual_page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('`protocol="none"` plays', "<code>protocol=&#34;none&#34;</code> plays"),
        ("as ``a < b`` does", "as <code>a &lt; b</code> does"),
        ("one ` alone", "one ` alone"),
    ],
)
def test_what_methods_quote_is_code(usual: Report, text: str, shown: str) -> None:
    method = Method("made", text, "", {"What": text})
    contents = replace(contents_of(usual, Path("made"), "t0"), methods={"Schemes": [method]})
    found = render_page([contents])
    assert f"<dd>{shown}</dd>" in found
    assert f"</strong> {shown}</summary>" in found


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Report:
    """A tournament without a round yet, which every folder holds."""
    report = replace(made_report([row("a", "t")]), rounds=[], innocents=[])
    monkeypatch.setattr("arena.view.page.command.results_in", lambda folder: report)
    return report


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize(("opens", "code"), [(True, 0), (False, 2)])
def test_the_page_is_opened_if_asked(
    arena: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opens: bool, code: int
) -> None:
    opened: list[str] = []

    def open_it(address: str) -> bool:
        opened.append(address)
        return opens

    monkeypatch.setattr("webbrowser.open", open_it)
    done = arena("page", tmp_path, "--open")
    assert (done.code, opened) == (code, [(tmp_path / "page.html").as_uri()])
    assert (tmp_path / "page.html").is_file()
    assert ("found none; open it yourself" in done.err) is not opens


def test_a_folder_without_a_tournament_is_one_sentence(arena: Command, tmp_path: Path) -> None:
    done = arena("page", tmp_path / "nowhere")
    assert done.code == 2
    assert "expected the folder of a tournament" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("begun")
def test_a_file_that_cannot_be_written_is_one_sentence(arena: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = arena("page", tmp_path, "--out", tmp_path / "file" / "page.html")
    assert done.code == 2
    assert "expected a file that can be written" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("begun")
def test_a_file_that_is_no_page_is_not_written_over(arena: Command, tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"SQLite format 3")
    done = arena("page", tmp_path, "--out", tmp_path / "ledger.sqlite")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "expected a page of `arena page` or nothing at" in done.err
    assert (tmp_path / "ledger.sqlite").read_bytes() == b"SQLite format 3"
    assert [arena("page", tmp_path).code for _ in range(2)] == [0, 0]  # its own page may be


def test_a_tournament_that_has_only_begun_has_a_page(begun: Report) -> None:
    found = Outline(render_page([contents_of(begun, Path("made"), "t0")]))
    assert found.open == []
    assert any("0 of 1 matches are played" in words for words in found.words)


def test_a_cell_takes_less_than_two_kilobytes() -> None:
    def size(n: int) -> int:
        rounds = [row(f"o{i}", f"t{j}", 0.123456789) for i in range(n) for j in range(n)]
        return len(as_text(evidence(made_report(rounds))))

    assert (size(40) - size(20)) / (40**2 - 20**2) < 2000
