// The page as a whole: position, playing, history, colours, and how it starts.
const UNKNOWN_ROI = 44; // px on the screen of a mark where only the centre is known

function placeRoi() {
  const box = $("#roi");
  const { stride, size, points } = players.shown.roi;
  box.hidden = !points.length || !player.ready || $("#show-roi").getAttribute("aria-pressed") !== "true";
  if (box.hidden) return;
  const at = Math.min(Math.round(player.frame / stride), points.length / 2 - 1);
  const stage = $("#stage");
  const { width, height } = DATA.video;
  const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
  const [wide, tall] = size ?? [UNKNOWN_ROI / scale, UNKNOWN_ROI / scale];
  box.style.width = `${wide * scale}px`;
  box.style.height = `${tall * scale}px`;
  box.style.left = `${(stage.clientWidth - width * scale) / 2 + points[2 * at] * scale}px`;
  box.style.top = `${(stage.clientHeight - height * scale) / 2 + points[2 * at + 1] * scale}px`;
}

function showPosition() {
  const { frame } = player;
  const muted = (words, className = "") => make("span", { className }, words);
  $("#clock").replaceChildren(clockTime(frame), muted(` / ${clockTime(FRAMES, 0)}`, "long"), muted(" · "), muted("frame ", "long"),
    String(frame), muted(` / ${FRAMES}`, "long"));
  if (player.playing || !pointing.drag) {
    // While it plays the view turns over like a page.
    if (player.playing && (frame < view.begin || frame >= view.end)) view.look(frame, frame + view.span);
    else if (!player.playing) view.reveal(frame);
  }
  timeline.redraw(["top"]);
  fields.now();
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

// match.html#frame=123 shows the stroke that holds frame 123, or else the frame; #frame=123&player=left, the player's.
function goToAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (!/^\d+$/.test(wanted.get("frame"))) return;
  const whose = wanted.get("player") ?? "";
  if (whose) players.choose(whose);
  const frame = clamp(Number(wanted.get("frame")), 0, FRAMES - 1);
  const around = panel.entries.filter((entry) => entry.begin <= frame && frame < entry.end && players.same(entry, { player: whose }));
  const entry = around.find(({ stroke }) => stroke) ?? around[0];
  if (entry) {
    panel.select(entry.id);
    acts.toSelected();
  } else {
    panel.select(null);
    player.pause();
    player.seek(frame);
    view.look(times.place(times.of(frame) - 5), times.place(times.of(frame) + 5));
  }
}

// What was kept of an earlier visit is shown or, where the file is another one now, offered.
async function restore() {
  const { kept, before } = await annotation.restore();
  if (before) {
    const words = `Unsaved changes of ${before.when.toLocaleString()} are kept: the file has been changed since.`;
    notify(words, { "Show them": before.show, "Discard them": before.discard });
  } else if (kept) {
    const words = kept.unsaved ? "Unsaved corrections" : "Your saved corrections";
    notify(`${words} of ${kept.when.toLocaleString()} are shown.`, { "Discard them": annotation.discard, "Close": () => {} });
  }
}

async function start() {
  document.title = `${DATA.video.id} · CRISP viewer`;
  $("#title").textContent = DATA.video.id;
  $("#subtitle").textContent = [DATA.model, clockTime(FRAMES, 0), `${Number(FPS.toFixed(3))} frames/s`].filter(Boolean).join(" · ");
  document.body.dataset.model = HAS_MODEL ? "on" : "off";
  if (!HAS_MODEL) $("#gutter .model").remove();
  if (DATA.list) Object.assign($("#all"), { href: DATA.list, hidden: false });
  $("#gutter .annotation").textContent = DATA.annotated ? "Annotation" : "Corrected";
  $("#gutter .annotation").title = DATA.annotated ? "The annotation, as corrected here" : "The strokes of the model, as corrected here";
  if (keptTheme()) document.documentElement.dataset.theme = keptTheme(); // before anything is waited for
  await restore();
  players.start();
  if (DATA.warnings.length) {
    $("#warnings ul").append(...DATA.warnings.map((words) => make("li", {}, words)));
    $("#warnings button").addEventListener("click", () => { $("#warnings").hidden = true; });
    $("#warnings").hidden = false;
  }
  const shortcuts = SHORTCUTS.filter(([keys, , , act]) => (act !== acts.nextPlayer || players.several)
    && keys.some((key) => BY_KEY.get(key) === act));
  $("#shortcuts").append(...shortcuts.map(([, words, shown]) => make("div", {},
    make("span", {}, words), make("span", {}, ...shown.split(" ").map((key) => (key === "to" ? " to " : make("kbd", {}, key)))))));
  for (const [name, act] of Object.entries({
    add: acts.add, undo: acts.undo, redo: acts.redo, save: acts.save, help: acts.help, loop: acts.loop, "show-roi": acts.roi,
    play: () => player.toggle(), back: () => player.step(-1), forward: () => player.step(1),
    "second-back": () => player.skip(-1), "second-on": () => player.skip(1),
    previous: () => panel.go(-1), next: () => panel.go(1), different: acts.toDifferent, "to-stroke": acts.toSelected,
    in: () => view.zoom(0.5), out: () => view.zoom(2), fit: () => view.look(0, FRAMES),
    theme: () => setTheme({ "": "light", light: "dark", dark: "" }[document.documentElement.dataset.theme ?? ""]),
  })) $(`#${name}`).addEventListener("click", act);
  $("#speed").addEventListener("change", (event) => { player.speed = Number(event.target.value); });
  $("#show-roi").hidden = PLAYERS.every(({ roi }) => !roi.points.length);
  annotation.onChange(showHistory);
  player.onMove(showPosition);
  player.onSwitch(showPlaying);
  players.onChange(() => { fields.now(); placeRoi(); timeline.redraw(); });
  system.addEventListener("change", () => { timeline.recolour(); panel.repaint(); });
  addEventListener("resize", placeRoi);
  addEventListener("beforeunload", (event) => { if (annotation.unsaved) event.preventDefault(); });
  noteTheme();
  layout.start();
  timeline.start();
  panel.start();
  marking.start();
  setTheme(keptTheme());
  showHistory();
  showPosition();
  showPlaying();
  player.start();
  goToAddress();
  addEventListener("hashchange", goToAddress);
  if (!drafts.keeps) tellStatus("This browser keeps no changes over a reload: save before you close");
}

start();
