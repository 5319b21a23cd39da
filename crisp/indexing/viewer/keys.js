// The keys: [keys, what they do, how they are shown, function].
const SHORTCUTS = [
  [[" "], "Play or pause", "Space", () => player.toggle()],
  [["ArrowLeft"], "One frame back", "←", () => player.step(-1)],
  [["ArrowRight"], "One frame on", "→", () => player.step(1)],
  [["Shift+ArrowLeft"], "One second back", "Shift ←", () => player.skip(-1)],
  [["Shift+ArrowRight"], "One second on", "Shift →", () => player.skip(1)],
  [["Home"], "First frame", "Home", () => player.seek(0)],
  [["End"], "Last frame", "End", () => player.seek(FRAMES - 1)],
  [["ArrowUp", "p"], "Stroke before", "↑", () => panel.go(-1)],
  [["ArrowDown", "n"], "Next stroke", "↓", () => panel.go(1)],
  ...(HAS_MODEL ? [[["d"], "Next disagreement", "D", acts.toDifferent]] : []),
  [["l"], "Play the stroke in a loop", "L", acts.loop],
  [["s"], "Slower", "S", () => player.slower(1)],
  [["Shift+S"], "Faster", "Shift S", () => player.slower(-1)],
  [["r"], "Region of interest", "R", acts.roi],
  [["w"], "Next player", "W", acts.nextPlayer],
  [["i"], "The stroke begins at this frame", "I", () => acts.bound("begin")],
  [["o"], "The stroke ends with this frame", "O", () => acts.bound("end")],
  [["c"], "Choose the class", "C", acts.focusClass],
  [["a"], "Add a stroke here", "A", acts.add],
  ...(HAS_MODEL ? [[["t"], "Take the model's stroke", "T", acts.takeOver]] : []),
  [["Delete", "Backspace"], "Delete the stroke", "Del", acts.remove],
  [["Control+z"], "Undo", "Ctrl Z", acts.undo],
  [["Control+Shift+Z", "Control+y"], "Redo", "Ctrl Shift Z", acts.redo],
  [["Control+s"], "Save the annotation", "Ctrl S", acts.save],
  [["+", "="], "Zoom in", "+", () => view.zoom(0.5)],
  [["-"], "Zoom out", "−", () => view.zoom(2)],
  [["f"], "Zoom to the stroke", "F", acts.toSelected],
  [["0"], "Whole video", "0", () => view.look(0, FRAMES)],
  [["Escape"], "Cancel, or select none", "Esc", acts.escape],
  [["?"], "This list", "?", acts.help],
  // Keys of one's own are in the place of others.
  ...(HAS_MODEL
    ? [[["1", "2", "3", "4"], "Class as the model has it", "1 to 4", (key) => acts.likely(Number(key) - 1)]]
    : [[marking.keys, "Begin or end a stroke of a class", marking.keys.join(" ").toUpperCase(), marking.press]]),
];
const ONCE = new Set([marking.press, ...["i", "o"].map((key) => SHORTCUTS.find(([keys]) => keys.includes(key))[3])]);
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
  if (!event.repeat || !ONCE.has(act)) act(event.key);
});
