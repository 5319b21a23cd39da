// What the keys and buttons do, and what is said about it.
function tellStatus(words = "") {
  const status = $("#status");
  const unsaved = annotation.unsaved;
  status.textContent = [words, unsaved ? "unsaved changes" : ""].filter(Boolean).join(" · ");
  status.title = status.textContent;
  status.classList.toggle("unsaved", unsaved);
}

const page = {
  edit(id, parts) {
    const words = annotation.change(id, parts);
    if (words) tellStatus(words);
  },

  // As long as most strokes are, up to the next one; of the class that is likely there.
  add() {
    const lengths = annotation.strokes.map(({ begin, end }) => end - begin).sort((one, other) => one - other);
    const usual = lengths[lengths.length >> 1] ?? Math.max(2, Math.round(FPS));
    const begin = Math.min(player.frame, FRAMES - 1);
    const next = annotation.strokes.find((stroke) => stroke.begin > begin)?.begin ?? FRAMES;
    const end = clamp(begin + usual, begin + 1, next);
    const id = annotation.add(begin, end, likeliest(begin, end));
    panel.select(id);
    tellStatus(`Stroke added at frame ${begin}; I and O set its bounds`);
  },

  takeOver() {
    const entry = panel.selected;
    if (!entry?.found || entry.kind === "same") return;
    const { begin, end, label } = entry.found;
    if (entry.stroke) page.edit(entry.id, { begin, end, label });
    else {
      panel.select(annotation.add(begin, end, label), { seek: false });
      tellStatus("Stroke of the model added to the annotation");
    }
  },

  remove() {
    const entry = panel.selected;
    if (entry?.stroke) tellStatus(annotation.remove(entry.id));
  },

  bound(name) {
    const entry = panel.selected;
    if (!entry?.stroke) return;
    const frame = name === "begin" ? player.frame : player.frame + 1;
    const { begin, end } = entry;
    if (name === "begin" ? frame >= end : frame <= begin) {
      tellStatus(name === "begin" ? "The first frame has to be before the end" : "The end has to be after the first frame");
      return;
    }
    page.edit(entry.id, { [name]: frame });
  },

  likely(place) {
    const entry = panel.selected;
    const offer = entry?.stroke && panel.likely(entry)[place];
    if (offer) page.edit(entry.id, { label: offer[0] });
  },

  undo() {
    const words = annotation.undo();
    tellStatus(words ? `Undone: ${words}` : "Nothing to undo");
  },
  redo() {
    const words = annotation.redo();
    tellStatus(words ? `Redone: ${words}` : "Nothing to redo");
  },

  save() {
    const address = URL.createObjectURL(new Blob([annotation.xml()], { type: "application/xml" }));
    make("a", { href: address, download: DATA.file }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    annotation.markSaved();
    tellStatus(`${DATA.file} is saved where this browser puts downloads`);
  },

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

  focusClass: () => $('[data-field="label"]')?.focus(),
  toSelected() {
    const entry = panel.selected;
    if (entry) timeline.look(entry.begin - (entry.end - entry.begin), 2 * entry.end - entry.begin);
  },
  toDifferent: () => panel.go(1, ({ kind }) => kind !== "same"),
  help: () => $("#keys").showModal(),
  escape() {
    if (!timeline.cancel()) panel.select(null);
  },
};

function likeliest(begin, end) {
  if (!PROBABILITIES) return LABELS[0] ?? "";
  const { first, stride, count, classes, rows } = PROBABILITIES;
  const from = clamp(Math.round((begin - first) / stride), 0, count - 1);
  const to = clamp(Math.round((end - first) / stride), from + 1, count);
  const sums = classes.map((label, number) => [label, rows[number].subarray(from, to).reduce((sum, value) => sum + value, 0)]);
  return sums.filter(([label]) => label !== DATA.negative).sort(([, one], [, other]) => other - one)[0]?.[0] ?? "";
}

// [keys, what they do, how they are shown, function]
const second = () => Math.round(FPS);
const SHORTCUTS = [
  [[" "], "Play or pause", "Space", () => player.toggle()],
  [["ArrowLeft"], "One frame back", "←", () => player.step(-1)],
  [["ArrowRight"], "One frame on", "→", () => player.step(1)],
  [["Shift+ArrowLeft"], "One second back", "Shift ←", () => player.step(-second())],
  [["Shift+ArrowRight"], "One second on", "Shift →", () => player.step(second())],
  [["Home"], "First frame", "Home", () => player.seek(0)],
  [["End"], "Last frame", "End", () => player.seek(FRAMES - 1)],
  [["ArrowUp", "p"], "Stroke before", "↑", () => panel.go(-1)],
  [["ArrowDown", "n"], "Next stroke", "↓", () => panel.go(1)],
  [["d"], "Next disagreement", "D", page.toDifferent],
  [["l"], "Play the stroke in a loop", "L", page.loop],
  [["s"], "Slower", "S", () => player.slower(1)],
  [["Shift+S"], "Faster", "Shift S", () => player.slower(-1)],
  [["r"], "Region of interest", "R", page.roi],
  [["i"], "The stroke begins at this frame", "I", () => page.bound("begin")],
  [["o"], "The stroke ends with this frame", "O", () => page.bound("end")],
  [["c"], "Choose the class", "C", page.focusClass],
  [["1", "2", "3", "4"], "Class as the model has it", "1 to 4", (key) => page.likely(Number(key) - 1)],
  [["a"], "Add a stroke here", "A", page.add],
  [["t"], "Take the model's stroke", "T", page.takeOver],
  [["Delete", "Backspace"], "Delete the stroke", "Del", page.remove],
  [["Control+z"], "Undo", "Ctrl Z", page.undo],
  [["Control+Shift+Z", "Control+y"], "Redo", "Ctrl Shift Z", page.redo],
  [["Control+s"], "Save the annotation", "Ctrl S", page.save],
  [["+", "="], "Zoom in", "+", () => timeline.zoom(0.5)],
  [["-"], "Zoom out", "−", () => timeline.zoom(2)],
  [["f"], "Zoom to the stroke", "F", page.toSelected],
  [["0"], "Whole video", "0", () => timeline.look(0, FRAMES)],
  [["Escape"], "Cancel, or select none", "Esc", page.escape],
  [["?"], "This list", "?", page.help],
];
const BY_KEY = new Map(SHORTCUTS.flatMap(([keys, , , act]) => keys.map((key) => [key, act])));

function keyName(event) {
  const { key } = event;
  // Shift is part of a sign such as ? or +, and of no name.
  const isNamed = key.length > 1 || /[a-z]/i.test(key);
  const control = event.ctrlKey || event.metaKey;
  const letter = key.length === 1 ? (event.shiftKey ? key.toUpperCase() : key.toLowerCase()) : key;
  return `${control ? "Control+" : ""}${event.shiftKey && isNamed ? "Shift+" : ""}${letter}`;
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || $("#keys").open) return;
  const { target } = event;
  const isField = target.matches("input, select");
  const name = keyName(event);
  if (isField && name === "Escape") { $("#top").focus(); return; }
  if (isField && !name.startsWith("Control+")) return;
  if (target.matches("button") && [" ", "Enter"].includes(event.key)) return;
  const act = BY_KEY.get(name);
  if (!act) return;
  event.preventDefault();
  act(event.key);
});

const UNKNOWN_ROI = 44; // px on the screen of a mark where only the centre is known

function placeRoi() {
  const box = $("#roi");
  const { stride, points } = DATA.roi;
  box.hidden = !player.ready || $("#show-roi").getAttribute("aria-pressed") !== "true";
  if (box.hidden) return;
  const at = Math.min(Math.round(player.frame / stride), points.length / 2 - 1);
  const stage = $("#stage");
  const { width, height } = DATA.video;
  const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
  const [wide, tall] = DATA.roi.size ?? [UNKNOWN_ROI / scale, UNKNOWN_ROI / scale];
  box.style.width = `${wide * scale}px`;
  box.style.height = `${tall * scale}px`;
  box.style.left = `${(stage.clientWidth - width * scale) / 2 + points[2 * at] * scale}px`;
  box.style.top = `${(stage.clientHeight - height * scale) / 2 + points[2 * at + 1] * scale}px`;
}

function showPosition() {
  const { frame } = player;
  $("#clock").replaceChildren(clockTime(frame), make("span", {}, ` / ${clockTime(FRAMES, 0)} · frame `), String(frame), make("span", {}, ` / ${FRAMES}`));
  if (player.playing || !timeline.dragging) {
    const { begin, end } = timeline.view;
    // While it plays the view turns over like a page.
    if (player.playing && (frame < begin || frame >= end)) timeline.look(frame, frame + end - begin);
    else if (!player.playing) timeline.reveal(frame);
  }
  timeline.redraw(["top"]);
  panel.now();
  placeRoi();
}

function showPlaying() {
  const button = $("#play");
  const isOn = player.playing;
  button.setAttribute("aria-label", isOn ? "Pause" : "Play");
  button.querySelector("use").setAttribute("href", isOn ? "#i-pause" : "#i-play");
  button.disabled = $("#loop").disabled = !player.ready;
  $("#loop").setAttribute("aria-pressed", String(player.loop !== null));
  placeRoi();
}

function showHistory() {
  for (const [name, words, keys] of [["undo", annotation.undoes, "Ctrl+Z"], ["redo", annotation.redoes, "Ctrl+Shift+Z"]]) {
    const button = $(`#${name}`);
    button.disabled = !words;
    button.title = words ? `${name === "undo" ? "Undo" : "Redo"}: ${words} (${keys})` : `Nothing to ${name}`;
  }
  tellStatus();
}

function describe(row, entry, frame) {
  const at = `frame ${frame} · ${clockTime(frame)}`;
  if (!entry) return row === "curves" || row === "ruler" ? at : "";
  const shown = row === "model" ? entry.found : entry.stroke;
  const lines = [named(shown.label), `frames ${shown.begin} to ${shown.end} · ${((shown.end - shown.begin) / FPS).toFixed(2)} s`];
  if (row === "model") lines.push(sureness(shown));
  return lines.join("\n");
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const words = `Colours: ${theme || "as the system"}`;
  $("#theme").setAttribute("aria-label", words);
  $("#theme").title = words;
  timeline.recolour();
  panel.repaint();
  try {
    localStorage.setItem("crisp-viewer:theme", theme);
  } catch { /* not kept, then */ }
}

function keptTheme() {
  try {
    const theme = localStorage.getItem("crisp-viewer:theme");
    return ["light", "dark"].includes(theme) ? theme : "";
  } catch {
    return "";
  }
}

// match.html#frame=123 shows the stroke that holds frame 123, or else the frame.
function goToAddress() {
  const wanted = /^#frame=(\d+)$/.exec(location.hash);
  if (!wanted) return;
  const frame = clamp(Number(wanted[1]), 0, FRAMES - 1);
  const around = panel.entries.filter(({ begin, end }) => begin <= frame && frame < end);
  const entry = around.find(({ stroke }) => stroke) ?? around[0];
  if (entry) {
    panel.select(entry.id);
    page.toSelected();
  } else {
    panel.select(null);
    player.pause();
    player.seek(frame);
    timeline.look(frame - 5 * second(), frame + 5 * second());
  }
}

function start() {
  document.title = `${DATA.video.id} · CRISP viewer`;
  $("#title").textContent = DATA.video.id;
  $("#subtitle").textContent = [DATA.model, clockTime(FRAMES, 0), `${Number(FPS.toFixed(3))} frames/s`].filter(Boolean).join(" · ");
  $("#gutter .annotation").textContent = DATA.annotated ? "Annotation" : "Corrected";
  $("#gutter .annotation").title = DATA.annotated ? "The annotation, as corrected here" : "The strokes of the model, as corrected here";
  const kept = annotation.restore();
  if (kept) {
    $("#notice span").textContent = `${kept.unsaved ? "Unsaved corrections" : "Your saved corrections"} of ${kept.when.toLocaleString()} are shown.`;
    $("#notice").hidden = false;
  }
  if (DATA.warnings.length) {
    $("#warnings span").textContent = `While this video was indexed: ${DATA.warnings.join("; ")}`;
    $("#warnings button").addEventListener("click", () => { $("#warnings").hidden = true; });
    $("#warnings").hidden = false;
  }
  $("#shortcuts").append(...SHORTCUTS.map(([, words, shown]) => make("div", {},
    make("span", {}, words), make("span", {}, ...shown.split(" ").map((key) => (key === "to" ? " to " : make("kbd", {}, key)))))));
  for (const [name, act] of Object.entries({
    add: page.add, undo: page.undo, redo: page.redo, save: page.save, help: page.help, loop: page.loop, "show-roi": page.roi,
    play: () => player.toggle(), back: () => player.step(-1), forward: () => player.step(1),
    in: () => timeline.zoom(0.5), out: () => timeline.zoom(2), fit: () => timeline.look(0, FRAMES),
    discard: () => { $("#notice").hidden = true; annotation.discard(); }, dismiss: () => { $("#notice").hidden = true; },
    theme: () => setTheme({ "": "light", light: "dark", dark: "" }[document.documentElement.dataset.theme ?? ""]),
  })) $(`#${name}`).addEventListener("click", act);
  $("#speed").addEventListener("change", (event) => { player.speed = Number(event.target.value); });
  $("#show-roi").hidden = !DATA.roi.points.length;
  annotation.onChange(showHistory);
  player.onMove(showPosition);
  player.onSwitch(showPlaying);
  system.addEventListener("change", () => { timeline.recolour(); panel.repaint(); });
  addEventListener("resize", placeRoi);
  addEventListener("beforeunload", (event) => { if (annotation.unsaved) event.preventDefault(); });
  noteTheme();
  timeline.start({
    entries: () => panel.entries, passes: panel.passes, isSelected: panel.isSelected, filtered: panel.filtered,
    select: panel.select, edit: page.edit, describe,
  });
  panel.start();
  setTheme(keptTheme());
  showHistory();
  showPosition();
  showPlaying();
  player.start();
  goToAddress();
  addEventListener("hashchange", goToAddress);
  if (!annotation.keeps) tellStatus("This browser keeps no changes over a reload: save before you close");
}

start();
