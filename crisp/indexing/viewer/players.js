// Whose strokes there are: a lane of the timeline for each player, and the one whose curves and region of
// interest are shown, and who gets the next stroke added.
const players = (() => {
  const NOTHING = { probabilities: null, roi: { points: [] } }; // of strokes of nobody, beside those of players
  let names = [];
  let chosen = "";
  const changed = new Set(); // of functions to call

  // A stroke of nobody is the only player's.
  const of = ({ player }) => player || (PLAYERS.length === 1 ? PLAYERS[0].name : "");
  const called = (name) => name || "no player";

  function choose(name) {
    if (!names.includes(name) || name === chosen) return;
    chosen = name;
    show();
    for (const tell of changed) tell();
  }

  function show() {
    $("#player").value = chosen;
    $("#gutter .curves .what").textContent = names.length > 1 ? `Probability\n${called(chosen)}` : "Probability";
    $("#now h2").textContent = names.length > 1 ? `At this frame: ${called(chosen)}` : "At this frame";
  }

  // The rows beside the timeline, the chooser and the filter.
  function start() {
    names = [...new Set([...PLAYERS.map(({ name }) => name), ...[...(TRUTH ?? []), ...FOUND, ...annotation.strokes].map(of)])];
    [chosen] = names;
    $("#time").style.setProperty("--lanes", names.length);
    if (names.length > 1) {
      document.body.dataset.players = names.length;
      const rows = ["annotation", "model"].map((row) => $(`#gutter .${row}`)).filter(Boolean);
      rows[0].before(...names.flatMap((name) => rows.map((row) => Object.assign(row.cloneNode(true), { title: called(name) }))));
      for (const row of rows) row.remove();
      for (const [number, row] of document.querySelectorAll("#gutter .annotation").entries()) {
        row.title = `${called(names[number])}: ${row.textContent.toLowerCase()}`;
        row.textContent = called(names[number]);
      }
    }
    const options = () => names.map((name) => new Option(called(name), name));
    $("#player").append(...options());
    $("#by-player").append(new Option("all players", ALL), ...options());
    $("#player").addEventListener("change", ({ target }) => choose(target.value));
    show();
  }

  return {
    get names() { return names; },
    get several() { return names.length > 1; },
    get chosen() { return chosen; },
    // The curves and the region of interest that are shown.
    get shown() { return PLAYERS.find(({ name }) => name === chosen || !name) ?? NOTHING; },
    of, called, choose, start,
    // Strokes of two players neither agree nor overlap; one of nobody may be anybody's.
    same: (one, other) => !of(one) || !of(other) || of(one) === of(other),
    next: () => choose(names[(names.indexOf(chosen) + 1) % names.length]),
    onChange: (tell) => changed.add(tell),
  };
})();
