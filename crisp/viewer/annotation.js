// The annotation: strokes that can be corrected, each step undone, and kept until they are saved.
// A stroke {id, begin, end, label} is never changed, only replaced; end is exclusive.
const MODEL = DATA.strokes.map(([begin, end, label, probability, score, cut, scores], number) =>
  ({ id: `model-${number}`, begin, end, label, probability, score, cut, scores })).sort((one, other) => one.begin - other.begin);
// How sure the model is of the class, null where the index lacks it, and of any stroke.
const classShare = ({ probability }) => (probability === null ? "–" : percent(probability));
const sureness = ({ probability, score, cut }) => [
  probability === null ? "class probability not in this index" : `class ${percent(probability)}`,
  `any stroke ${percent(score)}`,
  ...(cut ? ["cut: it may go on where the model cannot tell"] : []),
].join(" · ");
const LEAST_OVERLAP = 0.5; // intersection over union of the same bounds, as detections are judged

const annotation = (() => {
  let numbers = 0;
  const numbered = ([begin, end, label]) => ({ id: `stroke-${numbers++}`, begin, end, label });
  const plain = (strokes) => strokes.map(({ begin, end, label }) => [begin, end, label]);
  const same = (one, other) => JSON.stringify(plain(one)) === JSON.stringify(plain(other));
  const byTime = (one, other) =>
    one.begin - other.begin || one.end - other.end || (one.label < other.label ? -1 : Number(one.label > other.label));

  const loaded = (DATA.truth ?? DATA.strokes).map(numbered).sort(byTime);
  let strokes = loaded;
  let saved = loaded;
  let wasSaved = false;
  let past = [];
  let future = [];
  const changed = new Set(); // of functions to call

  const key = `crisp-viewer:${DATA.key}`;
  let keeps = true;

  function keep() {
    try {
      if (same(strokes, loaded) && !wasSaved) localStorage.removeItem(key);
      else {
        const content = { strokes: plain(strokes), saved: wasSaved ? plain(saved) : null, when: Date.now() };
        localStorage.setItem(key, JSON.stringify(content));
      }
    } catch {
      keeps = false;
    }
  }

  // What this browser kept of an earlier visit; null where there is nothing.
  function restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(key));
      if (!kept) return null;
      strokes = kept.strokes.map(numbered);
      wasSaved = kept.saved !== null;
      saved = wasSaved ? kept.saved.map(numbered) : loaded;
      return { when: new Date(kept.when), unsaved: !same(strokes, saved) };
    } catch {
      keeps = false;
      return null;
    }
  }

  function commit(next, words) {
    past.push({ strokes, words });
    future = [];
    set([...next].sort(byTime));
    return words;
  }

  function set(next) {
    strokes = next;
    keep();
    for (const tell of changed) tell();
  }

  function travel(from, to) {
    const step = from.pop();
    if (!step) return "";
    to.push({ strokes, words: step.words });
    set(step.strokes);
    return step.words;
  }

  return {
    get strokes() { return strokes; },
    get loaded() { return loaded; },
    get unsaved() { return !same(strokes, saved); },
    get keeps() { return keeps; },
    get undoes() { return past.at(-1)?.words; },
    get redoes() { return future.at(-1)?.words; },
    onChange: (tell) => changed.add(tell),
    restore,
    find: (id) => strokes.find((stroke) => stroke.id === id),

    change(id, parts) {
      const before = this.find(id);
      const after = { ...before, ...parts };
      after.begin = clamp(after.begin, 0, FRAMES - 1);
      after.end = clamp(after.end, after.begin + 1, FRAMES);
      if (same([before], [after])) return "";
      const what = before.label !== after.label ? `class ${named(after.label)}`
        : `frames ${after.begin} to ${after.end}`;
      return commit(strokes.map((stroke) => (stroke.id === id ? after : stroke)), `Stroke set to ${what}`);
    },

    add(begin, end, label, without = []) {
      const stroke = numbered([begin, end, label]);
      const rest = strokes.filter((other) => !without.includes(other.id));
      commit([...rest, stroke], `Stroke added at frame ${begin}`);
      return stroke.id;
    },

    remove(id) {
      const { begin } = this.find(id);
      return commit(strokes.filter((stroke) => stroke.id !== id), `Stroke at frame ${begin} deleted`);
    },

    discard: () => {
      wasSaved = false;
      saved = loaded;
      return commit(loaded, "Corrections discarded");
    },
    undo: () => travel(past, future),
    redo: () => travel(future, past),

    markSaved() {
      saved = strokes;
      wasSaved = true;
      keep();
      for (const tell of changed) tell();
    },

    // As crisp.annotations.write has it, to the byte.
    xml() {
      const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
      const escaped = (text) => text.replace(/[&<>"]/g, (sign) => escapes[sign]);
      const actions = strokes.map(({ begin, end, label }) =>
        `  <action begin="${begin}" end="${end}"${label ? ` move="${escaped(label)}"` : ""} />\n`);
      const content = actions.length ? `<video>\n${actions.join("")}</video>` : "<video />";
      return `<?xml version='1.0' encoding='UTF-8'?>\n${content}`;
    },
  };
})();

function overlap(one, other) {
  const shared = Math.min(one.end, other.end) - Math.max(one.begin, other.begin);
  return shared <= 0 ? 0 : shared / (Math.max(one.end, other.end) - Math.min(one.begin, other.begin));
}

// Entries {id, begin, end, label, stroke, found, kind, clash}: annotated strokes each with the model's that
// it overlaps most, every one of the model's once, and what only the model found.
function compared(strokes) {
  const pairs = [];
  let from = 0;
  const longest = MODEL.reduce((most, { begin, end }) => Math.max(most, end - begin), 0);
  for (const stroke of strokes) {
    while (from < MODEL.length && MODEL[from].begin + longest <= stroke.begin) from++;
    for (let number = from; number < MODEL.length && MODEL[number].begin < stroke.end; number++) {
      const share = overlap(stroke, MODEL[number]);
      if (share > 0) pairs.push([share, stroke, MODEL[number]]);
    }
  }
  pairs.sort(([one], [other]) => other - one);
  const partner = new Map();
  for (const [, stroke, found] of pairs) {
    if (partner.has(stroke.id) || partner.has(found.id)) continue;
    partner.set(stroke.id, found).set(found.id, stroke);
  }
  let reached = 0;
  const entries = strokes.map((stroke) => {
    const found = partner.get(stroke.id);
    const clash = stroke.begin < reached;
    reached = Math.max(reached, stroke.end);
    let kind = "same";
    if (!found) kind = stroke.label === DATA.negative ? "same" : "missed";
    else if (found.label !== stroke.label) kind = "class";
    else if (overlap(stroke, found) < LEAST_OVERLAP) kind = "bounds";
    return { ...stroke, stroke, found, kind, clash };
  });
  const extra = MODEL.filter((found) => !partner.has(found.id)).map((found) => ({ ...found, found, kind: "extra" }));
  return [...entries, ...extra].sort((one, other) => one.begin - other.begin || one.end - other.end);
}
