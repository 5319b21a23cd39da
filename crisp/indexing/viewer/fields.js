// The selected stroke with its fields, and what the model takes the frame at the playhead for.
const MOST_LIKELY = 4; // classes offered for a stroke
const LEAST_LIKELY = 0.005; // shown as 1 %

const fields = (() => {
  let scene = ""; // what the fields show, not to build them again under the cursor

  const likely = ({ found }) => {
    if (!found) return [];
    return DATA.classes.map((label, number) => [label, found.scores[number]])
      .filter(([label]) => label !== DATA.negative)
      .toSorted(([, one], [, other]) => other - one)
      .slice(0, MOST_LIKELY)
      .filter(([, share], place) => place === 0 || share >= LEAST_LIKELY);
  };

  function show() {
    const entry = panel.selected;
    const next = JSON.stringify([entry?.id, entry?.begin, entry?.end, entry?.label, entry?.player, entry?.kind, entry?.clash, dark]);
    if (next === scene) return;
    scene = next;
    const focused = document.activeElement?.dataset?.field;
    $("#stroke").replaceChildren(...(entry ? described(entry) : [
      make("h2", {}, "No stroke selected"),
      make("p", { className: "hint" }, "Choose one in the list or on the timeline, or go through them with ",
        make("kbd", {}, "↑"), " ", make("kbd", {}, "↓"), "."),
    ]));
    if (focused) $(`[data-field="${focused}"]`)?.focus();
  }

  function described(entry) {
    if (!entry.stroke) {
      return [
        make("h2", {}, "Found by the model only"),
        make("p", {}, `${entry.label}${forPlayer(players.of(entry))}, frames ${entry.begin} to ${entry.end}, ${sureness(entry)}`),
        make("div", { className: "actions" },
          make("button", { onclick: acts.takeOver, title: "Add it to the annotation (T)", "aria-keyshortcuts": "T" }, "Add to the annotation")),
      ];
    }
    const number = annotation.strokes.indexOf(entry.stroke) + 1;
    return [
      make("div", { className: "title" }, make("h2", {}, `Stroke ${number} of ${annotation.strokes.length}`),
        ...(entry.clash ? [make("span", { className: "tag" }, "overlaps")] : []),
        ...(entry.kind !== "same" ? [make("span", { className: "tag" }, TAGS[entry.kind])] : [])),
      make("label", {}, "Class", choice(entry)),
      ...(players.several ? [make("label", {}, "Player", whose(entry))] : []),
      make("div", { className: "pair" },
        bound(entry, "begin", "First frame", "I", "Begins here", 0, FRAMES - 1),
        bound(entry, "end", "End, exclusive", "O", "Ends here", 1, FRAMES)),
      ...offers(entry),
      make("div", { className: "actions" },
        ...(entry.found && entry.kind !== "same" ? [make("button", { onclick: acts.takeOver, title: "Take bounds and class from the model (T)", "aria-keyshortcuts": "T" }, "Take the model's")] : []),
        make("button", { onclick: acts.remove, title: "Delete this stroke (Del)", "aria-keyshortcuts": "Delete" }, "Delete")),
    ];
  }

  function choice({ id, stroke }) {
    const select = make("select", { "data-field": "label", title: "Class (C)", "aria-keyshortcuts": "C",
      onchange: (event) => acts.edit(id, { label: event.target.value }) });
    select.append(...["", ...LABELS, ...NONE].map((label) => new Option(named(label), label)));
    select.value = stroke.label;
    return select;
  }

  function whose({ id, stroke }) {
    const select = make("select", { "data-field": "player", onchange: ({ target }) => acts.edit(id, { player: target.value }) });
    select.append(...players.names.map((name) => new Option(players.called(name), name)));
    select.value = players.of(stroke);
    return select;
  }

  function bound({ id, stroke }, name, words, key, here, least, most) {
    const typed = ({ target }) => {
      if (Number.isFinite(target.valueAsNumber)) acts.edit(id, { [name]: Math.round(target.valueAsNumber) });
      target.value = annotation.find(id)[name]; // it may have been limited
    };
    return make("div", {},
      make("label", {}, words, make("span", { className: "long" }, ` (${key})`), make("input", {
        type: "number", min: least, max: most, step: 1, value: stroke[name], "data-field": name, onchange: typed,
      })),
      make("button", { className: "touch", title: `The stroke ${here.toLowerCase()}, at the frame shown`, onclick: () => acts.bound(name) }, here));
  }

  function offers(entry) {
    const found = likely(entry);
    if (!found.length) return [];
    return [make("div", {}, make("label", {}, "What the model takes it for"),
      make("ol", { className: "likely" }, ...found.map(([label, share], place) => make("li", {}, make("button", {
        style: shade(label, share),
        title: `Set the class to ${label} (${place + 1})`, onclick: () => acts.edit(entry.id, { label }),
      }, make("kbd", {}, place + 1), make("span", { className: "name" }, label), percent(share))))),
      make("p", { className: "hint" }, sureness(entry.found)),
      ...(DATA.explained ? [make("p", {}, explained(entry.found))] : []))];
  }

  // The picture that `crisp index --explain` drew of the stroke.
  const explained = ({ begin, end, player: player_ }) => make("a", {
    href: `${DATA.explained}/${begin}-${end}${player_ && `@${player_}`}.png`, target: "_blank",
  }, "What the model looks at");

  const shade = (label, share) => `--class: ${classColour(label)}; --share: ${percent(share).replace(" ", "")}`;

  // Probabilities of the frame at the playhead.
  function now() {
    const { probabilities } = players.shown;
    $("#now").hidden = !probabilities;
    if (!probabilities) return;
    const { first, stride, count, classes, rows } = probabilities;
    if (player.frame < first || player.frame >= first + count * stride) {
      $("#now ol").replaceChildren(make("li", {}, make("span", { className: "name" }, "not known: too near an end of the video")));
      return;
    }
    const at = clamp(Math.round((player.frame - first) / stride), 0, count - 1);
    const shares = classes.map((label, number) => [label, rows[number][at] / 255])
      .toSorted(([, one], [, other]) => other - one).slice(0, 3);
    $("#now ol").replaceChildren(...shares.map(([label, share]) => make(
      "li", { style: shade(label, share) }, make("span", { className: "name" }, label), percent(share),
    )));
  }

  function repaint() {
    scene = "";
    show();
    now();
  }

  return { likely, show, now, repaint };
})();
