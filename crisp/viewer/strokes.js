// The list of strokes, its filters, and the selected stroke with its fields.
const TAGS = { class: "other class", bounds: "other bounds", missed: "model: none", extra: "model only" };
const ROW = 46; // px high, as in the style sheet
const MOST_LIKELY = 4; // classes offered for a stroke
const LEAST_LIKELY = 0.005; // shown as 1 %

const panel = (() => {
  const list = $("#list");
  let entries = compared(annotation.strokes);
  let listed = []; // entries that pass the filters
  let selected = null; // id
  let scene = ""; // what the fields show, not to build them again under the cursor

  let laid = {}; // {from, to} of the rows in the page
  let passing = new Set(); // ids of those
  let marked = new Set(); // ids of the selected stroke, of the annotation and of the model

  const all = " "; // no class is called so, but the empty one stands for "no class"
  let filters = { wanted: all, way: "", from: 0, to: 1 };

  const chosen = () => ({
    wanted: $("#by-class").value,
    way: $("#by-kind").value,
    from: Number($("#from").value) / 100,
    to: $("#to").value === "" ? 1 : Number($("#to").value) / 100,
  });

  function admits({ label, found, kind }) {
    const { wanted, way, from, to } = filters;
    if (wanted !== all && label !== wanted && found?.label !== wanted) return false;
    if (way === "differ" ? kind === "same" : way && kind !== way) return false;
    // A stroke that the model did not find has no confidence.
    const share = found?.probability ?? null;
    return share === null ? from <= 0 : share >= from - 5e-4 && share <= to + 5e-4;
  }

  const entryOf = (id) => entries.find((entry) => entry.id === id || entry.found?.id === id);

  function item(entry, place) {
    const tags = [TAGS[entry.kind], entry.clash && "overlaps"].filter(Boolean);
    const row = make(
      "li",
      { role: "option", id: `item-${entry.id}`, "aria-posinset": place + 1, "aria-setsize": listed.length,
        "aria-selected": String(marked.has(entry.id)),
        style: `--class: ${classColour(entry.label)}; top: ${place * ROW}px`,
        title: entry.kind === "class" ? `The model says ${entry.found.label}` : "",
        onclick: () => select(entry.id) },
      make("span", { className: "bar" }),
      make("span", { className: "name" }, named(entry.label)),
      make("span", { className: "score", title: entry.found ? sureness(entry.found) : "" }, entry.found ? classShare(entry.found) : "–"),
      make("span", { className: "when" }, `${clockTime(entry.begin)} · ${((entry.end - entry.begin) / FPS).toFixed(2)} s`),
    );
    if (tags.length) row.append(make("span", { className: "tag" }, tags.join(", ")));
    return row;
  }

  function fill() {
    listed = entries.filter(admits);
    passing = new Set(listed.map(({ id }) => id));
    $("#count").textContent = listed.length === entries.length
      ? `${entries.length} stroke${entries.length === 1 ? "" : "s"}` : `${listed.length} of ${entries.length}`;
    list.hidden = !listed.length;
    $("#none").hidden = listed.length > 0;
    if (!entries.length) {
      $("#none").replaceChildren(
        make("p", {}, "No strokes: the model found none in this video."),
        make("p", {}, "Go to the first frame of one and press ", make("kbd", {}, "A"), " to add it."),
      );
    } else if (!listed.length) {
      $("#none").replaceChildren(make("p", {}, "No stroke passes the filters."), make("button", { onclick: clear }, "Show all"));
    }
    mark();
  }

  function clear() {
    $("#by-class").value = all;
    $("#by-kind").value = "";
    $("#from").value = 0;
    $("#to").value = 100;
    refilter();
  }

  function refilter() {
    filters = chosen();
    fill();
    timeline.redraw();
  }

  // Only the rows in sight, and one either side, are in the page.
  function lay(isStale) {
    const from = Math.max(0, Math.floor(list.scrollTop / ROW) - 1);
    const to = Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 1;
    if (!isStale && from === laid.from && to === laid.to) return;
    laid = { from, to };
    const length = make("li", { role: "presentation", className: "length", style: `height: ${listed.length * ROW}px` });
    list.replaceChildren(length, ...listed.slice(from, to).map((entry, place) => item(entry, from + place)));
  }

  function mark() {
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
    lay(true);
  }

  function select(id, { seek = true } = {}) {
    selected = id;
    const entry = entryOf(id);
    if (player.loop) player.loop = entry && { begin: entry.begin, end: entry.end };
    if (entry && seek) {
      player.pause();
      player.seek(entry.begin);
      timeline.reveal(entry.begin, entry.end);
    }
    mark();
    fields();
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
    fields();
    timeline.redraw();
  }

  const likely = ({ found }) => {
    if (!found) return [];
    return DATA.classes.map((label, number) => [label, found.scores[number]])
      .filter(([label]) => label !== DATA.negative)
      .sort(([, one], [, other]) => other - one)
      .slice(0, MOST_LIKELY)
      .filter(([, share], place) => place === 0 || share >= LEAST_LIKELY);
  };

  function fields() {
    const entry = selected && entryOf(selected);
    const next = JSON.stringify([entry?.id, entry?.begin, entry?.end, entry?.label, entry?.kind, entry?.clash, dark]);
    if (next === scene) return;
    scene = next;
    const focused = document.activeElement?.dataset?.field;
    $("#stroke").replaceChildren(...(entry ? described(entry) : [
      make("h2", {}, "No stroke selected"),
      make("p", { className: "hint" }, "Click one in the list or on the timeline, or go through them with ",
        make("kbd", {}, "↑"), " ", make("kbd", {}, "↓"), "."),
    ]));
    if (focused) $(`[data-field="${focused}"]`)?.focus();
  }

  function described(entry) {
    if (!entry.stroke) {
      return [
        make("h2", {}, "Found by the model only"),
        make("p", {}, `${entry.label}, frames ${entry.begin} to ${entry.end}, ${sureness(entry)}`),
        make("div", { className: "actions" },
          make("button", { onclick: page.takeOver, title: "Add it to the annotation (T)", "aria-keyshortcuts": "T" }, "Add to the annotation")),
      ];
    }
    const { id, stroke, found } = entry;
    const number = annotation.strokes.indexOf(stroke) + 1;
    const bound = (name, words, least, most) => make("label", {}, words, make("input", {
      type: "number", min: least, max: most, step: 1, value: stroke[name], "data-field": name,
      onchange: ({ target }) => page.edit(id, { [name]: Number.isFinite(target.valueAsNumber) ? Math.round(target.valueAsNumber) : stroke[name] }),
    }));
    const choice = make("select", { "data-field": "label", title: "Class (C)", "aria-keyshortcuts": "C",
      onchange: (event) => page.edit(id, { label: event.target.value }) });
    choice.append(...["", ...LABELS, ...NONE].map((label) => new Option(named(label), label)));
    choice.value = stroke.label;
    const offers = likely(entry);
    return [
      make("div", { className: "title" }, make("h2", {}, `Stroke ${number} of ${annotation.strokes.length}`),
        ...(entry.clash ? [make("span", { className: "tag" }, "overlaps")] : []),
        ...(entry.kind !== "same" ? [make("span", { className: "tag" }, TAGS[entry.kind])] : [])),
      make("label", {}, "Class", choice),
      make("div", { className: "pair" },
        bound("begin", "First frame (I)", 0, FRAMES - 1), bound("end", "End, exclusive (O)", 1, FRAMES)),
      ...(offers.length ? [make("div", {}, make("label", {}, "What the model takes it for"),
        make("ol", { className: "likely" }, ...offers.map(([label, share], place) => make("li", {}, make("button", {
          style: `--class: ${classColour(label)}; --share: ${percent(share).replace(" ", "")}`,
          title: `Set the class to ${label} (${place + 1})`, onclick: () => page.edit(id, { label }),
        }, make("kbd", {}, place + 1), make("span", { className: "name" }, label), percent(share))))))] : []),
      make("div", { className: "actions" },
        ...(found && entry.kind !== "same" ? [make("button", { onclick: page.takeOver, title: "Take bounds and class from the model (T)", "aria-keyshortcuts": "T" }, "Take the model's")] : []),
        make("button", { onclick: page.remove, title: "Delete this stroke (Del)", "aria-keyshortcuts": "Delete" }, "Delete")),
    ];
  }

  // Probabilities of the frame at the playhead.
  function now() {
    const place = $("#now ol");
    if (!PROBABILITIES) {
      $("#now").hidden = true;
      return;
    }
    const { first, stride, count, classes, rows } = PROBABILITIES;
    if (player.frame < first || player.frame >= first + count * stride) {
      place.replaceChildren(make("li", {}, make("span", { className: "name" }, "not known: too near an end of the video")));
      return;
    }
    const at = clamp(Math.round((player.frame - first) / stride), 0, count - 1);
    const shares = classes.map((label, number) => [label, rows[number][at] / 255])
      .sort(([, one], [, other]) => other - one).slice(0, 3);
    place.replaceChildren(...shares.map(([label, share]) => make(
      "li", { style: `--class: ${classColour(label)}; --share: ${percent(share).replace(" ", "")}` },
      make("span", { className: "name" }, label), percent(share),
    )));
  }

  function start() {
    $("#by-class").append(new Option("all classes", all), ...LABELS.map((label) => new Option(label, label)));
    for (const control of ["#by-class", "#by-kind", "#from", "#to"]) $(control).addEventListener("input", refilter);
    $("#filters").addEventListener("submit", (event) => event.preventDefault());
    list.addEventListener("scroll", () => lay(false));
    new ResizeObserver(() => lay(false)).observe(list);
    annotation.onChange(changed);
    changed();
    now();
  }

  return {
    get selected() { return selected && entryOf(selected); },
    get entries() { return entries; },
    filtered: () => (filters.wanted === all ? undefined : filters.wanted),
    repaint() { fill(); scene = ""; fields(); now(); },
    passes: ({ id }) => passing.has(id),
    isSelected: (id) => marked.has(id),
    likely, select, go, now, start,
  };
})();
