// What the keys and buttons do, and what is said about it.
function tellStatus(words = "") {
  const status = $("#status");
  const unsaved = annotation.unsaved;
  status.textContent = [words, unsaved ? "unsaved changes" : ""].filter(Boolean).join(" · ");
  status.title = status.textContent;
  status.classList.toggle("unsaved", unsaved);
}

const overlapping = ({ begin, end }) => `overlaps the stroke of frames ${begin} to ${end}`;
const forPlayer = (name) => (players.several ? ` for ${players.called(name)}` : "");

// What is asked or said above the video: {words on a button: function}.
function notify(words, choices) {
  const close = (act) => () => { $("#notice").hidden = true; act(); };
  const buttons = Object.entries(choices).map(([name, act]) => make("button", { onclick: close(act) }, name));
  $("#notice").replaceChildren(make("span", {}, words), ...buttons);
  $("#notice").hidden = false;
}

const acts = {
  edit(id, parts) {
    const words = annotation.change(id, parts);
    const stroke = annotation.find(id);
    const isLimited = Object.entries(parts).some(([name, value]) => stroke[name] !== value);
    const other = "label" in parts && !("begin" in parts) ? undefined : annotation.beside(stroke);
    const said = [
      words,
      isLimited && "a bound stays in the video, a frame or more from the other one",
      words && other && overlapping(other),
    ].filter(Boolean);
    if (said.length) tellStatus(said.join("; "));
  },

  // As long as most strokes are, up to the next one; of the class that is likely there.
  add() {
    const lengths = annotation.strokes.map(({ begin, end }) => end - begin).toSorted((one, other) => one - other);
    const usual = lengths[lengths.length >> 1] ?? Math.max(2, Math.round(FPS));
    const begin = player.frame;
    const whose = players.chosen;
    const there = annotation.beside({ begin, end: begin + 1, player: whose });
    if (there) {
      tellStatus(`No stroke added${forPlayer(whose)}: frame ${begin} is in that of frames ${there.begin} to ${there.end}`);
      return;
    }
    const next = annotation.of(whose).find((stroke) => stroke.begin > begin)?.begin ?? FRAMES;
    const end = clamp(begin + usual, begin + 1, next);
    const id = annotation.add(begin, end, likeliest(begin, end), whose);
    panel.select(id);
    tellStatus(`Stroke added at frame ${begin}${forPlayer(whose)}; I and O set its bounds`);
  },

  takeOver() {
    const entry = panel.selected;
    if (!entry?.found || entry.kind === "same") return;
    const { begin, end, label } = entry.found;
    const whose = entry.found.player || entry.player;
    if (entry.stroke) {
      acts.edit(entry.id, { begin, end, label, player: whose });
      return;
    }
    const id = annotation.add(begin, end, label, whose);
    const other = annotation.beside(annotation.find(id));
    panel.select(id, { seek: false });
    tellStatus(["Stroke of the model added to the annotation", other && overlapping(other)].filter(Boolean).join("; "));
  },

  remove() {
    const entry = panel.selected;
    if (entry?.stroke) tellStatus(annotation.remove(entry.id));
  },

  bound(name) {
    if (marking.bound(name)) return;
    const entry = panel.selected;
    if (!entry?.stroke) return;
    const frame = name === "begin" ? player.frame : player.frame + 1;
    const { begin, end } = entry;
    if (name === "begin" ? frame >= end : frame <= begin) {
      tellStatus(name === "begin" ? "The first frame has to be before the end" : "The end has to be after the first frame");
      return;
    }
    acts.edit(entry.id, { [name]: frame });
  },

  likely(place) {
    const entry = panel.selected;
    const offer = entry?.stroke && fields.likely(entry)[place];
    if (offer) acts.edit(entry.id, { label: offer[0] });
  },

  undo() {
    if (marking.cancel()) return;
    const words = annotation.undo();
    tellStatus(words ? `Undone: ${words}` : "Nothing to undo");
  },
  redo() {
    const words = annotation.redo();
    tellStatus(words ? `Redone: ${words}` : "Nothing to redo");
  },

  save: () => saving.act(),

  loop() {
    const entry = panel.selected;
    if (player.loop || !entry) {
      if (!player.loop) tellStatus("Select a stroke to play it in a loop");
      player.loop = null;
      player.pause();
      return;
    }
    player.loop = { begin: entry.begin, end: entry.end };
    player.seek(entry.begin);
    player.play();
  },

  roi() {
    const button = $("#show-roi");
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    placeRoi();
  },

  nextPlayer: () => players.next(),
  focusClass: () => $('[data-field="label"]')?.focus(),
  toSelected() {
    const entry = panel.selected;
    if (entry) view.lookAt(entry);
    else tellStatus("Select a stroke to zoom to it");
  },
  toDifferent: () => panel.go(1, ({ kind }) => kind !== "same"),
  help: () => $("#keys").showModal(),
  escape() {
    if (!pointing.cancel() && !marking.cancel()) panel.select(null);
  },
};

function likeliest(begin, end) {
  const { probabilities } = players.shown;
  if (!probabilities) return marking.last || (LABELS[0] ?? "");
  const { first, stride, count, classes, rows } = probabilities;
  const from = clamp(Math.round((begin - first) / stride), 0, count - 1);
  const to = clamp(Math.round((end - first) / stride), from + 1, count);
  const sums = classes.map((label, number) => [label, rows[number].subarray(from, to).reduce((sum, value) => sum + value, 0)]);
  return sums.filter(([label]) => label !== DATA.negative).toSorted(([, one], [, other]) => other - one)[0]?.[0] ?? "";
}
