// Which frames the timeline shows, and where they and its rows are on the screen.
const SIDES = { annotation: "stroke", model: "found" }; // part of an entry that a row shows
const view = (() => {
  const NARROWEST = 24; // frames across
  const narrowest = Math.min(NARROWEST, FRAMES);
  let begin = 0;
  let end = FRAMES;
  let width = 1; // px
  let height = 1;
  let rows = {}; // name to {row, y, height}, px; a hidden row has the height 0
  let lanes = []; // {row, side, player, y, height}: of each player the annotated strokes, and those of the model
  const changed = new Set(); // of functions to call

  const perPixel = () => (end - begin) / width;

  // Frames, not necessarily whole.
  function look(first, last) {
    const span = clamp(last - first, narrowest, FRAMES);
    begin = clamp(first + (last - first - span) / 2, 0, FRAMES - span);
    end = begin + span;
    for (const tell of changed) tell();
  }

  return {
    get begin() { return begin; },
    get end() { return end; },
    get span() { return end - begin; },
    get width() { return width; },
    get height() { return height; },
    get rows() { return rows; },
    get lanes() { return lanes; },
    get perPixel() { return perPixel(); },
    toX: (frame) => (frame - begin) / perPixel(),
    toFrame: (x) => begin + x * perPixel(),
    onChange: (tell) => changed.add(tell),
    look,

    measure() {
      const box = $("#tracks").getBoundingClientRect();
      width = Math.max(1, box.width);
      height = box.height;
      const placed = [...$("#gutter").children].map((row) => {
        const place = row.getBoundingClientRect();
        return { row: row.className, y: place.top - box.top, height: place.height };
      });
      lanes = Object.entries(SIDES).flatMap(([name, side]) => placed.filter(({ row }) => row === name)
        .map((place, number) => ({ ...place, side, player: players.names[number] })));
      rows = Object.fromEntries(placed.filter(({ row }) => !SIDES[row]).map((place) => [place.row, place]));
    },

    pan: (frames) => look(begin + frames, end + frames),

    zoom(factor, frame = player.frame) {
      const about = clamp(frame, begin, end);
      const span = clamp((end - begin) * factor, narrowest, FRAMES);
      const first = clamp(about - span * (about - begin) / (end - begin), 0, FRAMES - span);
      look(first, first + span);
    },

    // Nothing where the frames are in sight already.
    reveal(first, last = first + 1) {
      if (first >= begin && last <= end) return;
      const span = Math.max(end - begin, 1.3 * (last - first));
      look((first + last - span) / 2, (first + last + span) / 2);
    },

    // A stroke and as much on either side of it.
    lookAt: (stroke) => look(2 * stroke.begin - stroke.end, 2 * stroke.end - stroke.begin),
  };
})();
