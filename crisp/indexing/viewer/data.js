"use strict";
// What the page was built from.
const DATA = JSON.parse(document.getElementById("data").textContent);
const { fps: FPS, frames: FRAMES } = DATA.video;
const $ = (selector) => document.querySelector(selector);

// The annotated strokes, null without an annotation, and those of the model; the player is empty if unknown.
const TRUTH = DATA.truth && DATA.truth.map(([begin, end, label, player = ""]) => ({ begin, end, label, player }));
const FOUND = DATA.strokes.map(([begin, end, label, probability, score, cut, scores, player = ""]) =>
  ({ begin, end, label, player, probability, score, cut, scores }));

// The players {name, probabilities, roi}, each in a region; without regions one of no name, in the whole picture.
const PLAYERS = DATA.players.map((player) => ({ ...player, probabilities: player.probabilities && unpacked(player.probabilities) }));
// Without a model the page only has strokes that are labelled here.
const HAS_MODEL = !DATA.marks;
const HAS_PROBABILITIES = PLAYERS.some(({ probabilities }) => probabilities);

// The label of every stroke, and of every class in the curves, has one colour.
const LABELS = [...new Set([
  ...DATA.classes,
  ...(TRUTH ?? []).map(({ label }) => label),
  ...FOUND.map(({ label }) => label),
])].filter((label) => label && label !== DATA.negative);
// The class of no stroke, where the annotation has some of it.
const NONE = (TRUTH ?? []).some(({ label }) => label === DATA.negative) ? [DATA.negative] : [];

function unpacked({ stride, first, classes, count, bytes }) {
  const all = Uint8Array.from(atob(bytes), (byte) => byte.charCodeAt(0));
  const rows = classes.map((_, number) => all.subarray(number * count, (number + 1) * count));
  return { stride, first, classes, count, rows };
}

// Colours of one's own, by label.
const OWN_COLOURS = new Map((DATA.marks ?? []).filter(({ colour }) => colour).map(({ label, colour }) => [label, colour]));

// Asked once a change of theme, not once a stroke.
let dark = false;
const colours = new Map(); // of labels, of the present theme
const system = matchMedia("(prefers-color-scheme: dark)");
function noteTheme() {
  const { theme } = document.documentElement.dataset;
  dark = theme ? theme === "dark" : system.matches;
  colours.clear();
}

// Hues go round by steps of the golden angle, so that neighbours in the list differ most.
function classColour(label, alpha = 1) {
  if (OWN_COLOURS.has(label)) return OWN_COLOURS.get(label) + Math.round(255 * alpha).toString(16).padStart(2, "0");
  const key = `${alpha} ${label}`;
  if (!colours.has(key)) {
    const number = LABELS.indexOf(label);
    const lightness = dark ? 0.76 : 0.56;
    const hue = (255 + number * 137.5) % 360;
    colours.set(key, number < 0 ? `oklch(${lightness} 0.01 260 / ${alpha})`
      : `oklch(${lightness - 0.05 * (number % 2)} 0.135 ${hue} / ${alpha})`);
  }
  return colours.get(key);
}

const ALL = " "; // in a filter: no class or player is called so, but the empty name stands for none
const named = (label) => label || "no class";
const percent = (share) => `${Math.round(100 * share)} %`;
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

// Children are texts or nodes; attributes with a dash or "aria" are set as such.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") node.style.cssText = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.includes("-")) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}
