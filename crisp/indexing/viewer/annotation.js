// The annotation: strokes that can be corrected, each step undone, and kept until they are saved.
// A stroke {id, begin, end, label, player} is never changed, only replaced; end is exclusive. Of each player one may
// be open: begun, {begin, label, player}, without an end yet.
const annotation = (() => {
  let numbers = 0;
  const numbered = ([begin, end, label, player = ""]) => ({ id: `stroke-${numbers++}`, begin, end, label, player });
  const plain = (strokes) => strokes.map(({ begin, end, label, player }) => [begin, end, label, player]);
  const same = (one, other) => JSON.stringify(plain(one)) === JSON.stringify(plain(other));
  const byName = (one, other) => (one < other ? -1 : Number(one > other));
  const byTime = (one, other) => one.begin - other.begin || one.end - other.end
    || byName(one.label, other.label) || byName(one.player, other.player);

  let loaded = plain(TRUTH ?? FOUND).map(numbered).toSorted(byTime);
  let strokes = loaded;
  let saved = loaded;
  let wasSaved = false;
  let base = DATA.base; // what the strokes were loaded from
  let open = [];
  let unfinished = DATA.begun; // the whole video is not labelled yet
  let savedUnfinished = unfinished;
  const past = [];
  let future = [];
  const changed = new Set(); // of functions to call

  const key = `crisp-viewer:${DATA.key}`;
  const isUnsaved = () => open.length > 0 || unfinished !== savedUnfinished || !same(strokes, saved);

  function keep() {
    const isAsLoaded = same(strokes, loaded) && !open.length && unfinished === savedUnfinished && !wasSaved;
    drafts.write(key, isAsLoaded ? null : {
      strokes: plain(strokes), saved: wasSaved ? plain(saved) : null, open, unfinished, savedUnfinished, base,
    });
  }

  // What this browser kept of an earlier visit, and what it kept of another content of the file, which is only
  // offered: {kept, before}, each null where there is nothing.
  async function restore() {
    const aside = `${key}:before`;
    let kept = await drafts.read(key).catch(() => null);
    if (kept && (kept.base ?? base) !== base) {
      const wasUnsaved = !kept.saved || kept.open.length > 0 || kept.unfinished !== kept.savedUnfinished
        || JSON.stringify(kept.strokes) !== JSON.stringify(kept.saved);
      if (wasUnsaved) drafts.write(aside, kept);
      drafts.write(key, null);
      kept = null;
    }
    const before = await drafts.read(aside).catch(() => null);
    return { kept: kept && resume(kept), before: before && offer(before, () => drafts.write(aside, null)) };
  }

  function resume(kept) {
    strokes = kept.strokes.map(numbered);
    wasSaved = kept.saved !== null;
    saved = wasSaved ? kept.saved.map(numbered) : loaded;
    ({ open, unfinished, savedUnfinished } = { open, unfinished, savedUnfinished, ...kept });
    return { when: new Date(kept.when), unsaved: isUnsaved() };
  }

  const offer = (kept, forget) => ({
    when: new Date(kept.when),
    show() { commit(kept.strokes.map(numbered), "Changes of before shown"); forget(); },
    discard: forget,
  });

  function commit(next, words) {
    past.push({ strokes, words });
    future = [];
    set(next.toSorted(byTime));
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
    get unsaved() { return isUnsaved(); },
    get unfinished() { return unfinished; },
    set unfinished(value) { unfinished = value; set(strokes); },
    get undoes() { return past.at(-1)?.words; },
    get redoes() { return future.at(-1)?.words; },
    onChange: (tell) => changed.add(tell),
    restore,
    find: (id) => strokes.find((stroke) => stroke.id === id),
    // The strokes that are, or may be, those of a player.
    of: (player) => strokes.filter((stroke) => players.same(stroke, { player })),
    // The first of the other strokes of a player that share a frame with one.
    beside({ id, begin, end, player }) {
      return this.of(player).find((other) => other.id !== id && other.begin < end && begin < other.end);
    },

    change(id, parts) {
      const before = this.find(id);
      const after = { ...before, ...parts };
      // A bound that comes alone stops at the other.
      after.begin = clamp(after.begin, 0, ("end" in parts ? FRAMES : before.end) - 1);
      after.end = clamp(after.end, after.begin + 1, FRAMES);
      if (same([before], [after])) return "";
      const what = before.label !== after.label ? `class ${named(after.label)}`
        : before.player !== after.player ? `player ${players.called(after.player)}`
          : `frames ${after.begin} to ${after.end}`;
      return commit(strokes.map((stroke) => (stroke.id === id ? after : stroke)), `Stroke set to ${what}`);
    },

    add(begin, end, label, player) {
      const stroke = numbered([begin, end, label, player]);
      commit([...strokes, stroke], `Stroke added at frame ${begin}`);
      return stroke.id;
    },

    remove(id) {
      const { begin } = this.find(id);
      return commit(strokes.filter((stroke) => stroke.id !== id), `Stroke at frame ${begin} deleted`);
    },

    get hasOpen() { return open.length > 0; },
    opened: (player) => open.find((stroke) => stroke.player === player),
    setOpen(player, stroke) {
      open = [...open.filter((other) => other.player !== player), ...(stroke ? [stroke] : [])];
      set(strokes);
    },

    discard: () => {
      wasSaved = false;
      saved = loaded;
      open = [];
      unfinished = savedUnfinished;
      return commit(loaded, "Corrections discarded");
    },
    undo: () => travel(past, future),
    redo: () => travel(future, past),

    // What is saved now; strokes change meanwhile if that takes time.
    snapshot: () => ({ strokes, unfinished }),
    markSaved(snapshot) {
      saved = snapshot.strokes;
      savedUnfinished = snapshot.unfinished;
      wasSaved = true;
      set(strokes);
    },

    // The strokes in the file are those of a snapshot now.
    rebase(snapshot, version) {
      loaded = snapshot.strokes;
      this.markSaved(snapshot);
      wasSaved = false;
      base = version;
      keep();
    },

    // The strokes of a file that somebody else saved, in the place of these; undo brings these back.
    adopt(rows, begun, version) {
      unfinished = begun;
      open = [];
      commit(rows.map(numbered), "Strokes of the file shown");
      this.rebase({ strokes, unfinished }, version);
    },

    // As crisp.study.annotations.write has it, to the byte.
    xml() {
      const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
      const escaped = (text) => text.replace(/[&<>"]/g, (sign) => escapes[sign]);
      const given = (name, text) => (text ? ` ${name}="${escaped(text)}"` : "");
      const actions = strokes.map(({ begin, end, label, player }) =>
        `  <action begin="${begin}" end="${end}"${given("move", label)}${given("player", player)} />\n`);
      const root = `video${unfinished ? ' state="begun"' : ""}`;
      const content = actions.length ? `<${root}>\n${actions.join("")}</video>` : `<${root} />`;
      return `<?xml version='1.0' encoding='UTF-8'?>\n${content}`;
    },
  };
})();
