"use strict";
(() => {
  const AT_ONCE = 100; // rows of a table that are drawn at once
  const SHORT = 8; // characters of a head that is not broken
  const GROUPS = [
    ["", "Round and victim"], ["owner", "Verdict"], ["score", "Score"], ["thief", "Theft"],
    ["meters", "Asked, answered and spent"], ["spent", "Time, price and cost"],
  ];
  const WORDS = ["message", "reason", "outcome", "reference", "findings", "rule", "winner", "reasons", "failed", "statistic_name"];
  const MACHINES = ["figures", "training_losses", "digest", "hardware", "versions"]; // what a program reads
  const SAID = new Set([...WORDS, ...MACHINES, "threat", "settings", "match", "owner", "scheme", "thief", "repeat", "seed", "round", "metric"]);

  // Elements are made from text nodes alone, so what players wrote is never read as HTML.
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value !== null) element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  }

  function draw(name, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  const place = (what, key) => document.querySelector(`[data-${what}="${key}"]`);

  function column(rounds, name) {
    const found = rounds[name];
    if (found === undefined) return () => null;
    return Array.isArray(found) ? (i) => found[i] : (i) => found.pool[found.at[i]];
  }

  // A number as Python writes it: forms such as .3f, +.3f, ,.0f and .2g.
  function written(value, form) {
    if (value === null || value === undefined || value === "") return "-";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value === "string") return value;
    const asked = /^(\+?)(,?)\.(\d+)([fg])$/.exec(form || "");
    if (asked === null) return String(value);
    const [, sign, comma, digits, kind] = asked;
    let text;
    if (kind === "g") {
      const size = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
      text = size < -4 || size >= Number(digits)
        ? value.toExponential(digits - 1).replace(/\.?0+e/, "e") : String(Number(value.toPrecision(digits)));
    } else text = value.toFixed(digits);
    if (comma) text = text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
    return sign && value >= 0 ? `+${text}` : text;
  }

  class Tournament {
    constructor(data) {
      Object.assign(this, data);
      this.read = Object.fromEntries(Object.keys(data.figures).map((name) => [name, column(data.rounds, name)]));
      this.cells = [];
      const first = Object.values(data.rounds)[0];
      const n = first === undefined ? 0 : (Array.isArray(first) ? first : first.at).length;
      for (let i = 0; i < n; i += 1) {
        const last = this.cells.at(-1);
        if (last && this.read.match(last.last) === this.read.match(i)) last.last = i;
        else this.cells.push({ first: i, last: i });
      }
    }

    isText(name) { return name in this.rounds && !Array.isArray(this.rounds[name]); }
    value(cell, name) { return this.read[name](cell.last); }
    text(i, name) {
      const { form, unit } = this.figures[name];
      const text = written(this.read[name](i), form);
      return unit === "s" && text !== "-" ? `${text} s` : text;
    }
  }

  // ---- the table of cells

  class Table {
    constructor(game) {
      this.game = game;
      this.names = game.columns.filter((name) => name in game.rounds);
      this.sorted = { name: "", down: false };
      this.from = 0;
      this.filters = { text: "", owner: "", thief: "", status: "", caught: "" };
      this.place = place("cells", game.key);
      this.controls();
      this.show();
    }

    controls() {
      const bar = place("controls", this.game.key);
      const search = make("input", { type: "search", size: "18", on: { input: (e) => this.filter("text", e.target.value.toLowerCase()) } });
      bar.append(make("label", {}, "Search", search));
      this.selects = {};
      for (const name of ["owner", "thief", "status", "caught"]) {
        const values = [...new Set(this.game.cells.map((cell) => written(this.game.value(cell, name))))];
        const options = [make("option", { value: "" }, "any"), ...values.map((value) => make("option", { value }, value))];
        const select = make("select", { on: { change: (e) => this.filter(name, e.target.value) } }, ...options);
        this.selects[name] = select;
        bar.append(make("label", {}, this.game.figures[name].says, select));
      }
      this.order(bar);
    }

    // Sorts by any column, also by those that are not shown, such as owner and thief.
    order(bar) {
      const { game } = this;
      const names = [...new Set([...this.names, ...game.sorts])].filter((name) => name in game.rounds);
      const options = names.map((name) => make("option", { value: name }, game.figures[name].says));
      this.by = make("select", { "data-order": true, on: { change: (e) => this.sort(e.target.value, true) } }, make("option", { value: "" }, "order of play"), ...options);
      const turn = make("button", { type: "button", on: { click: () => this.sort(this.sorted.name) } }, "Turn round");
      bar.append(make("label", {}, "Sort by", this.by), turn);
    }

    filter(name, value) {
      this.filters[name] = value;
      if (name in this.selects) this.selects[name].value = value;
      this.from = 0;
      this.show();
    }

    keeps(cell) {
      const { game, filters } = this;
      for (const name of Object.keys(this.selects)) {
        if (filters[name] && written(game.value(cell, name)) !== filters[name]) return false;
      }
      if (!filters.text) return true;
      const said = ["match", "move", "status", "message", "reason"].map((name) => game.value(cell, name) || "");
      return said.join(" ").toLowerCase().includes(filters.text);
    }

    chosen() {
      const found = this.game.cells.filter((cell) => this.keeps(cell));
      const { name, down } = this.sorted;
      if (!name) return down ? found.reverse() : found;
      const known = found.filter((cell) => this.game.value(cell, name) !== null);
      const unknown = found.filter((cell) => this.game.value(cell, name) === null);
      const sign = down ? -1 : 1;
      known.sort((a, b) => sign * compared(this.game.value(a, name), this.game.value(b, name)));
      return known.concat(unknown); // what is unknown comes last either way
    }

    show(atOnce = AT_ONCE) {
      const found = this.chosen();
      const rows = found.slice(this.from, this.from + atOnce);
      const focused = document.activeElement && document.activeElement.dataset.sort;
      this.place.tHead.replaceChildren(this.head());
      this.place.tBodies[0].replaceChildren(...rows.map((cell) => this.row(cell)));
      const to = this.from + rows.length;
      place("count", this.game.key).textContent = found.length
        ? `${found.length} of ${this.game.cells.length} cells; shown: ${this.from + 1} to ${to}` : "no cell is like that";
      this.pages(found.length);
      if (focused) this.place.tHead.querySelector(`[data-sort="${focused}"]`)?.focus();
    }

    head() {
      const heads = this.names.map((name) => {
        const here = this.sorted.name === name;
        const mark = here ? (this.sorted.down ? " ▼" : " ▲") : "";
        const button = make("button", { type: "button", "data-sort": name, on: { click: () => this.sort(name) } }, this.game.figures[name].says + mark);
        const looks = [this.game.isText(name) && "text", this.game.figures[name].says.length <= SHORT && "short"].filter(Boolean).join(" ");
        return make("th", { scope: "col", class: looks || false, "aria-sort": here ? (this.sorted.down ? "descending" : "ascending") : "none" }, button);
      });
      return make("tr", {}, make("th", { scope: "col" }, "match"), ...heads);
    }

    sort(name, anew = false) {
      const again = !anew && this.sorted.name === name;
      this.sorted = { name, down: again ? !this.sorted.down : name !== "" && !this.game.isText(name) };
      this.by.value = name;
      this.from = 0;
      this.show();
    }

    row(cell) {
      const title = this.game.value(cell, "match");
      const button = make("button", { type: "button", class: "open", on: { click: () => open(this.game, cell) } }, title);
      const texts = this.names.map((name) => {
        return make("td", { class: this.game.isText(name) ? "text" : false }, this.game.text(cell.last, name));
      });
      return make("tr", {}, make("th", { scope: "row" }, button), ...texts);
    }

    pages(n) {
      const turn = (to) => () => { this.from = to; this.show(); };
      const back = make("button", { type: "button", disabled: this.from === 0, on: { click: turn(Math.max(0, this.from - AT_ONCE)) } }, "Previous cells");
      const on = make("button", { type: "button", disabled: this.from + AT_ONCE >= n, on: { click: turn(this.from + AT_ONCE) } }, "Next cells");
      place("pages", this.game.key).replaceChildren(...(n > AT_ONCE ? [back, on] : []));
    }
  }

  function compared(a, b) {
    if (typeof a === "string" || typeof b === "string") return String(a).localeCompare(String(b));
    return Number(a) - Number(b);
  }

  // ---- the heat map

  function heat(game, table) {
    const select = place("map", game.key);
    const pairs = new Map(); // the cells of each spot, by its row and column
    for (const cell of game.cells) {
      const pair = `${game.owners.indexOf(game.value(cell, "owner"))} ${game.thieves.indexOf(game.value(cell, "thief"))}`;
      pairs.set(pair, [...(pairs.get(pair) || []), cell]);
    }
    select.append(...game.maps.map((map, i) => make("option", { value: i }, map.title)));
    const show = () => {
      const map = game.maps[select.value];
      const head = make("tr", {}, make("th", { scope: "col" }, "owner"), ...game.thieves.map((name) => make("th", { scope: "col" }, name)));
      const rows = game.owners.map((owner, i) => make("tr", {}, make("th", { scope: "row" }, owner),
        ...game.thieves.map((thief, j) => spot(map, i, j, `${owner} against ${thief}`))));
      place("heat", game.key).replaceChildren(make("table", { class: "heat" }, make("caption", {}, map.title), make("thead", {}, head), make("tbody", {}, ...rows)));
      place("key", game.key).replaceChildren(...map.key.map(([value, says]) => sample(says, { style: tinted(value, map.ramp) })),
        ...(map.empty ? [sample(map.empty, { missing: true })] : []));
    };
    const go = (cells) => {
      if (cells.length === 1) { open(game, cells[0]); return; }
      for (const name of ["owner", "thief"]) table.filter(name, game.value(cells[0], name));
      document.getElementById(`${game.key}-cells`).scrollIntoView();
    };
    const spot = (map, i, j, says) => {
      const value = map.values[i][j];
      const word = map.words[i][j];
      const pair = `${i} ${j}`;
      const inside = pairs.has(pair) ? make("button", { type: "button", "aria-label": `${says}: ${word}`, "data-pair": pair }, word) : word;
      const cell = make("td", { class: value === null ? "missing" : false }, inside);
      if (value !== null) Object.assign(cell.style, tinted(value, map.ramp));
      return cell;
    };
    place("heat", game.key).addEventListener("click", (event) => {
      const { pair } = event.target.dataset;
      if (pair) go(pairs.get(pair));
    });
    select.addEventListener("change", show);
    show();
  }

  // A colour of the key beside what it means.
  function sample(says, { style = {}, missing = false }) {
    const swatch = make("i", { class: missing ? "missing" : false, "aria-hidden": "true" });
    Object.assign(swatch.style, style);
    return make("span", {}, swatch, says);
  }

  // The colour of a value on a ramp of colours from 0 to 1. Black or white, whichever differs more,
  // differs by 4.5 to 1 at least from any ground (relative luminance of WCAG 2).
  function tinted(value, ramp) {
    const along = Math.min(Math.max(value, 0), 1) * (ramp.length - 1);
    const from = Math.min(Math.floor(along), ramp.length - 2);
    const parts = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    const [low, high] = [parts(ramp[from]), parts(ramp[from + 1])];
    const mixed = low.map((part, i) => Math.round(part + (high[i] - part) * (along - from)));
    const [red, green, blue] = mixed.map((part) => (part / 255 <= 0.04045 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    const bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    return { backgroundColor: `rgb(${mixed.join(",")})`, color: bright > 0.179 ? "#000" : "#fff" };
  }

  // ---- the evidence of a cell

  function open(game, cell) {
    const rounds = Array.from({ length: cell.last - cell.first + 1 }, (_, i) => cell.first + i);
    const said = (name) => written(game.value(cell, name));
    document.getElementById("cell-title").textContent = said("match");
    const body = document.getElementById("cell-body");
    body.replaceChildren(
      make("p", {}, `Thief ${said("thief")} against owner ${said("owner")} (${said("scheme")}), repeat ${said("repeat")}, seed ${said("seed")}. Granted: ${said("threat")}. Settings of the owner: ${said("settings")}.`),
      curves(game, cell, rounds), figures(game, rounds), words(game, rounds), again(game, cell));
    const dialog = document.getElementById("cell");
    dialog.showModal();
    dialog.scrollTop = 0;
    history.replaceState(null, "", `#${game.key}/${encodeURIComponent(said("match"))}`);
  }

  function figures(game, rounds) {
    const table = make("table", {}, make("caption", {}, "Every figure of every round"));
    const heads = rounds.map((i) => make("th", { scope: "col" }, `round ${game.text(i, "round")}`));
    table.append(make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "figure"), ...heads)));
    for (const [role, title] of GROUPS) {
      const names = Object.keys(game.figures).filter((name) => game.figures[name].role === role && !SAID.has(name));
      const rows = names.filter((name) => rounds.some((i) => game.text(i, name) !== "-")).map((name) =>
        make("tr", {}, make("th", { scope: "row" }, game.figures[name].says), ...rounds.map((i) => make("td", {}, game.text(i, name)))));
      if (rows.length) table.append(make("tbody", {}, make("tr", {}, make("th", { scope: "rowgroup", colspan: rounds.length + 1 }, make("em", {}, title))), ...rows));
    }
    return make("div", { class: "wide", role: "region", tabindex: "0", "aria-label": "Figures" }, table);
  }

  function words(game, rounds) {
    const told = (names) => rounds.flatMap((i) => names.filter((name) => game.text(i, name) !== "-").flatMap((name) =>
      [make("dt", {}, `round ${game.text(i, "round")}, ${game.figures[name].says}`), make("dd", {}, game.text(i, name))]));
    const [said, facts] = [told(WORDS), told(MACHINES)];
    return make("section", {}, make("h3", {}, "What was said"),
      said.length ? make("dl", {}, ...said) : make("p", {}, "Nothing."),
      ...(facts.length ? [make("details", {}, make("summary", {}, "For machines"), make("dl", {}, ...facts))] : []));
  }

  function again(game, cell) {
    const [owner, thief] = ["owner", "thief"].map((name) => game.value(cell, name));
    const secret = game.replay.secret ? " --secret FILE" : "";
    const match = game.value(cell, "match");
    const name = match.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 64); // what a scenario may be called
    const head = `name = "${name}"\ndescription = "one cell of ${game.replay.name}"\n`;
    const text = `${head}${game.replay.head}repeats = ${game.value(cell, "repeat") + 1}\nowner = [${game.replay.owners[owner]}]\nthief = [${game.replay.thieves[thief]}]\n`;
    return make("section", {}, make("h3", {}, "Play this cell again"),
      make("p", {}, "Save the text as cell.toml, then"),
      make("pre", { tabindex: "0" }, make("code", {}, `$ arena run cell.toml --out again${secret}\n$ arena show again ${match}`)),
      make("details", {}, make("summary", {}, "cell.toml"), make("pre", { tabindex: "0", id: "cell-toml" }, text)));
  }

  // Bars where there is one round, lines where there are more; the threshold sits at one half.
  const COLOURS = ["#0a4f9e", "#b35900", "#2c7a1f", "#a3161c", "#6b3fa0"];
  // Of the drawing: its width; where bars begin; where lines begin and end; its height with lines.
  const [WIDE, LEFT, BEGIN, RIGHT, HIGH] = [560, 150, 56, 370, 258];
  const label = (x, y, text, more = {}) => draw("text", { x, y, "font-size": 13, ...more }, text);
  const threshold = (ends) => draw("line", { ...ends, stroke: "#a3161c", "stroke-dasharray": "5 4" });

  function curves(game, cell, rounds) {
    const names = Object.keys(game.figures).filter((name) => game.figures[name].curve);
    const known = names.filter((name) => rounds.some((i) => game.read[name](i) !== null));
    if (!known.length) return make("p", {}, "No round has a score.");
    const [high, parts] = rounds.length === 1 ? bars(game, rounds[0], known) : lines(game, rounds, known);
    const says = known.map((name) => `${game.figures[name].says} ${rounds.map((i) => game.text(i, name)).join(", ")}`).join("; ");
    return draw("svg", { class: "match", viewBox: `0 0 ${WIDE} ${high}`, width: WIDE, height: high, role: "img", "aria-label": says, "font-family": "sans-serif" }, ...parts);
  }

  function bars(game, i, known) {
    const x = (share) => LEFT + share * (WIDE - LEFT - 60);
    const foot = 28 * known.length + 14;
    const high = foot + 58;
    const parts = known.flatMap((name, k) => [
      label(LEFT - 8, 25 + 28 * k, game.figures[name].says, { "text-anchor": "end" }),
      draw("rect", { x: LEFT, y: 10 + 28 * k, width: Math.max(x(Math.min(game.read[name](i) || 0, 1)) - LEFT, 1), height: 20, fill: COLOURS[k % 5] }),
      label(x(1) + 8, 25 + 28 * k, game.text(i, name)),
    ]);
    parts.push(draw("line", { x1: LEFT, x2: x(1), y1: foot, y2: foot, stroke: "#55606b" }));
    for (const value of [0, 0.5, 1]) parts.push(label(x(value), foot + 14, String(value), { "text-anchor": "middle", "font-size": 11 }));
    parts.push(label(x(0.5), foot + 31, `value in round ${game.text(i, "round")}, from 0 to 1`, { "text-anchor": "middle" }));
    parts.push(threshold({ x1: x(0.5), x2: x(0.5), y1: 4, y2: foot }));
    parts.push(label(x(0.5), foot + 50, "dashed: threshold of the rescaled statistic", { "text-anchor": "middle", fill: "#a3161c" }));
    return [high, parts];
  }

  function lines(game, rounds, known) {
    const x = (n) => BEGIN + (RIGHT - BEGIN) * n / (rounds.length - 1);
    const y = (value) => 210 - 200 * value;
    const parts = known.flatMap((name, k) => {
      const at = rounds.map((i, n) => [x(n), game.read[name](i)]).filter(([, value]) => value !== null);
      return [
        draw("polyline", { points: at.map(([across, value]) => `${across},${y(value)}`).join(" "), fill: "none", stroke: COLOURS[k % 5], "stroke-width": 2 }),
        ...at.map(([across, value]) => draw("circle", { cx: across, cy: y(value), r: 4, fill: COLOURS[k % 5] })),
        draw("rect", { x: RIGHT + 15, y: 12 + 22 * k, width: 12, height: 12, fill: COLOURS[k % 5] }),
        label(RIGHT + 33, 22 + 22 * k, game.figures[name].says),
      ];
    });
    parts.push(threshold({ x1: BEGIN, x2: RIGHT, y1: y(0.5), y2: y(0.5) }), label(RIGHT + 15, y(0.5) + 15, "dashed: its threshold", { fill: "#a3161c" }));
    for (const value of [0, 0.5, 1]) parts.push(label(BEGIN - 10, y(value) + 4, String(value), { "text-anchor": "end", "font-size": 11 }));
    rounds.forEach((i, n) => { if (rounds.length <= 12 || n % 5 === 0) parts.push(label(x(n), 230, game.text(i, "round"), { "text-anchor": "middle", "font-size": 11 })); });
    parts.push(label((BEGIN + RIGHT) / 2, 250, "round", { "text-anchor": "middle" }));
    parts.push(label(0, 0, "value, from 0 to 1", { "text-anchor": "middle", transform: `translate(14 ${y(0.5)}) rotate(-90)` }));
    return [HIGH, parts];
  }

  // ---- all of it

  const games = [...document.querySelectorAll("script.tournament")].map((element) => new Tournament(JSON.parse(element.textContent)));
  const tables = games.map((game) => new Table(game));
  games.forEach((game, i) => heat(game, tables[i]));

  document.getElementById("cell").addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
  window.addEventListener("beforeprint", () => {
    for (const element of document.querySelectorAll("details")) element.open = true;
    for (const table of tables) { table.from = 0; table.show(Infinity); }
  });
  window.addEventListener("afterprint", () => tables.forEach((table) => table.show()));

  const [key, match] = location.hash.slice(1).split("/");
  const linked = games.find((game) => game.key === key);
  const cell = linked && match && linked.cells.find((each) => linked.value(each, "match") === decodeURIComponent(match));
  if (cell) open(linked, cell);
})();
