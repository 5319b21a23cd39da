// The list of strokes, its filters, and which stroke is selected.
const TAGS = { class: "other class", bounds: "other bounds", missed: "not found", extra: "model only" };
const ROW = 46; // px high, as in the style sheet

const panel = (() => {
  const list = $("#list");
  let entries = compared(annotation.strokes);
  let listed = []; // entries that pass the filters
  let selected = null; // id

  let laid = { rows: new Map() }; // {from, to} of the rows in the page, and these by the ids of their strokes
  let passing = new Set(); // ids of those
  let marked = new Set(); // ids of the selected stroke, of the annotation and of the model

  let filters = { wanted: ALL, whose: ALL, way: "", from: 0, to: 1 };

  const chosen = () => ({
    wanted: $("#by-class").value,
    whose: $("#by-player").value,
    way: $("#by-kind").value,
    from: Number($("#from").value) / 100,
    to: $("#to").value === "" ? 1 : Number($("#to").value) / 100,
  });

  function admits({ label, player: name, found, kind }) {
    const { wanted, whose, way, from, to } = filters;
    if (whose !== ALL && players.of({ player: name }) !== whose) return false;
    if (wanted !== ALL && label !== wanted && found?.label !== wanted) return false;
    if (way === "differ" ? kind === "same" : way && kind !== way) return false;
    // A stroke that the model did not find has no confidence.
    const share = found ? confidence(found) : null;
    return share === null ? from <= 0 : share >= from - 5e-4 && share <= to + 5e-4;
  }

  const entryOf = (id) => entries.find((entry) => entry.id === id || entry.found?.id === id);

  function item(entry, place) {
    const tags = [TAGS[entry.kind], entry.clash && "overlaps", entry.found?.cut && "cut"].filter(Boolean);
    const row = make(
      "li",
      { role: "option", id: `item-${entry.id}`, "aria-posinset": place + 1, "aria-setsize": listed.length,
        "aria-selected": String(marked.has(entry.id)),
        style: `--class: ${classColour(entry.label)}; top: ${place * ROW}px`,
        title: entry.kind === "class" ? `The model says ${entry.found.label}` : "",
        onclick: () => select(entry.id) },
      make("span", { className: "bar" }),
      make("span", { className: "name" }, named(entry.label)),
      ...(HAS_MODEL ? [make("span", { className: "score", title: entry.found ? sureness(entry.found) : "" }, entry.found ? classShare(entry.found) : "–")] : []),
      make("span", { className: "below" },
        make("span", { className: "when" }, [...(players.several ? [players.called(players.of(entry))] : []), clockTime(entry.begin), duration(entry)].join(" · ")),
        ...(tags.length ? [make("span", { className: "tag" }, tags.join(", "))] : [])),
    );
    return row;
  }

  function fill() {
    listed = entries.filter(admits);
    passing = new Set(listed.map(({ id }) => id));
    const count = listed.length === entries.length ? String(entries.length) : `${listed.length} of ${entries.length}`;
    $("#count").textContent = `${count} stroke${entries.length === 1 ? "" : "s"}`;
    $("#show-list").textContent = `Strokes: ${count}`;
    list.hidden = !listed.length;
    $("#none").hidden = listed.length > 0;
    if (!entries.length) {
      $("#none").replaceChildren(
        make("p", {}, HAS_MODEL ? "No strokes: the model found none in this video." : "No strokes yet."),
        make("p", {}, HAS_MODEL ? "Go to the first frame of one and add it by " : "Play the video and press the key of a class where a stroke begins, and again where it ends; or add one by ",
          make("kbd", {}, "A"), " or “+ Stroke”."),
      );
    } else if (!listed.length) {
      $("#none").replaceChildren(make("p", {}, "No stroke passes the filters."), make("button", { onclick: clear }, "Show all"));
    }
    mark(true);
  }

  function clear() {
    $("#by-class").value = $("#by-player").value = ALL;
    $("#by-kind").value = "";
    $("#from").value = 0;
    $("#to").value = 100;
    refilter();
  }

  function refilter() {
    filters = chosen();
    players.choose(filters.whose);
    fill();
    timeline.redraw();
  }

  // Only the rows in sight, and one either side, are in the page. A row that stays is the same element: a
  // click on one that was put in place of another between press and release would be lost.
  function lay(isStale) {
    const from = Math.max(0, Math.floor(list.scrollTop / ROW) - 1);
    const to = Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 1;
    if (!isStale && from === laid.from && to === laid.to) return;
    const kept = isStale ? new Map() : laid.rows;
    const rows = new Map(listed.slice(from, to).map((entry, place) => [entry.id, kept.get(entry.id) ?? item(entry, from + place)]));
    for (const [id, row] of laid.rows) if (rows.get(id) !== row) row.remove();
    let before = list.firstChild ?? list.appendChild(make("li", { role: "presentation", className: "length" }));
    before.style.height = `${listed.length * ROW}px`;
    for (const row of rows.values()) {
      if (before.nextSibling !== row) before.after(row);
      before = row;
    }
    laid = { from, to, rows };
  }

  // The stroke that is selected, in sight and marked.
  function mark(isStale = false) {
    const entry = selected && entryOf(selected);
    marked = new Set(entry ? [entry.id, entry.found?.id] : []);
    const place = listed.indexOf(entry);
    // The length first: a list that was shorter would not scroll so far.
    if (list.firstChild) list.firstChild.style.height = `${listed.length * ROW}px`;
    if (place < 0) list.removeAttribute("aria-activedescendant");
    else {
      list.setAttribute("aria-activedescendant", `item-${entry.id}`);
      list.scrollTop = clamp(list.scrollTop, (place + 1) * ROW - list.clientHeight, place * ROW);
    }
    lay(isStale);
    for (const [id, row] of laid.rows) row.setAttribute("aria-selected", String(marked.has(id)));
  }

  function select(id, { seek = true } = {}) {
    selected = id;
    layout.show(id === null ? "list" : "stroke");
    const entry = entryOf(id);
    if (entry) players.choose(players.of(entry));
    if (player.loop) player.loop = entry && { begin: entry.begin, end: entry.end };
    if (entry && seek) {
      player.pause();
      player.seek(entry.begin);
      view.reveal(entry.begin, entry.end);
    }
    mark();
    fields.show();
    timeline.redraw();
  }

  // The next in the list after the selected one, or after the playhead.
  function go(direction, accepts = () => true) {
    const choice = listed.filter(accepts);
    if (!choice.length) return;
    const own = choice.findIndex((entry) => entry.id === entryOf(selected)?.id);
    let next = own + direction;
    if (own < 0) {
      const after = choice.findIndex((entry) => entry.begin > (entryOf(selected)?.begin ?? player.frame));
      if (direction > 0) next = after < 0 ? choice.length - 1 : after;
      else next = (after < 0 ? choice.length : after) - 1;
    }
    select(choice[clamp(next, 0, choice.length - 1)].id);
  }

  function changed() {
    entries = compared(annotation.strokes);
    // Undone, a stroke may be gone, or only its partner be left.
    if (selected && !entryOf(selected)) selected = null;
    if (player.loop) {
      const entry = selected && entryOf(selected);
      player.loop = entry ? { begin: entry.begin, end: entry.end } : null;
    }
    fill();
    fields.show();
    timeline.redraw();
  }

  function start() {
    if (!HAS_PROBABILITIES) $('#by-kind [value="missed"]').remove();
    $("#by-class").append(new Option("all classes", ALL), ...LABELS.map((label) => new Option(label, label)));
    for (const control of ["#by-class", "#by-player", "#by-kind", "#from", "#to"]) $(control).addEventListener("input", refilter);
    $("#filters").addEventListener("submit", (event) => event.preventDefault());
    list.addEventListener("scroll", () => lay(false));
    // Shown again, or with room for other rows, it keeps the selected one in sight.
    new ResizeObserver(() => mark()).observe(list);
    annotation.onChange(changed);
    changed();
    fields.now();
  }

  return {
    get selected() { return selected && entryOf(selected); },
    get entries() { return entries; },
    filtered: () => (filters.wanted === ALL ? undefined : filters.wanted),
    repaint() { fill(); fields.repaint(); marking.show(); },
    passes: ({ id }) => passing.has(id),
    isSelected: (id) => marked.has(id),
    select, go, start,
  };
})();
