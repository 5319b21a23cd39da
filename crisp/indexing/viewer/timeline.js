// The timeline: three canvases over each other, that of the curves, drawn least often, of the strokes, and of
// the playhead alone.
const timeline = (() => {
  const layers = ["curves", "base", "top"].map((name) => $(`#${name}`));
  const [overCurves, base, top] = layers;
  const FONT = `12px ${getComputedStyle(document.body).fontFamily}`;
  const coarse = matchMedia("(pointer: coarse)");
  const paint = {}; // name of a colour to the colour
  let stale = { base: false, top: false };

  function measure() {
    view.measure();
    const ratio = devicePixelRatio || 1;
    for (const canvas of layers) {
      canvas.width = Math.round(view.width * ratio);
      canvas.height = Math.round(view.height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    curves.forget();
    redraw();
  }

  function recolour() {
    noteTheme();
    const probe = document.body.appendChild(make("i"));
    for (const name of ["text", "muted", "line", "grid", "panel", "raised", "accent", "playhead"]) {
      probe.style.color = `var(--${name})`;
      paint[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    curves.forget();
    redraw();
  }

  function redraw(what = ["base", "top"]) {
    if (!stale.base && !stale.top) requestAnimationFrame(draw);
    for (const name of what) stale[name] = true;
  }

  function draw() {
    if (stale.base) drawBase(base.getContext("2d"));
    if (stale.top) drawTop(top.getContext("2d"));
    stale = { base: false, top: false };
  }

  function drawBase(pen) {
    pen.clearRect(0, 0, view.width, view.height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    drawRuler(pen);
    const { entries } = panel;
    for (const lane of view.lanes) {
      pen.fillStyle = paint.raised;
      pen.fillRect(0, lane.y + 2, view.width, lane.height - 4);
      if (lane.side === "stroke") drawLoaded(pen, lane);
      drawLane(pen, lane, entries);
    }
    if (coarse.matches) drawGrips(pen);
    curves.draw(overCurves.getContext("2d"), paint);
    drawOverview(pen, entries);
    top.dataset.begin = view.begin;
    top.dataset.end = view.end;
  }

  function drawRuler(pen) {
    const { y, height: tall } = view.rows.ruler;
    const [begin, end] = [times.of(view.begin), times.of(view.end)];
    const seconds = 90 * (end - begin) / view.width; // of about 90 px
    const step = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]
      .find((candidate) => candidate >= seconds) ?? 7200;
    const digits = step < 0.1 || step === 0.25 ? 2 : Number(step < 1);
    pen.lineWidth = 1;
    for (let tick = Math.ceil(begin / step); tick * step <= end; tick++) {
      const x = Math.round(view.toX(times.place(tick * step))) + 0.5;
      pen.strokeStyle = paint.grid;
      line(pen, x, y + tall - 5, x, view.rows.overview.y - 4);
      pen.fillStyle = paint.muted;
      pen.textAlign = x < 18 ? "left" : "center";
      if (x < view.width - 18) pen.fillText(clock(tick * step, digits), Math.max(0, x), y + tall / 2);
    }
    pen.textAlign = "left";
  }

  function line(pen, x, y, toThatX, toThatY) {
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(toThatX, toThatY);
    pen.stroke();
  }

  const inView = ({ begin, end }) => end >= view.begin && begin <= view.end;
  const bounds = (stroke) => (pointing.drag?.id === stroke.id ? pointing.drag : stroke);

  // Where the strokes were when the page was made: a thin line below the corrected ones.
  function drawLoaded(pen, { y, height: tall, player: whose }) {
    pen.fillStyle = paint.muted;
    for (const { begin, end } of annotation.loaded.filter((stroke) => inView(stroke) && players.of(stroke) === whose)) {
      pen.fillRect(view.toX(begin), y + tall - 3, Math.max(1, (end - begin) / view.perPixel), 1.5);
    }
  }

  function drawLane(pen, { y, height: tall, side, player: whose }, all) {
    const entries = all.filter((entry) => entry[side] && players.of(entry[side]) === whose);
    if (!entries.length) {
      pen.fillStyle = paint.muted;
      pen.fillText("no strokes", 8, y + tall / 2);
    }
    for (const entry of entries) {
      const stroke = entry[side];
      const { begin, end } = bounds(stroke);
      if (!inView({ begin, end })) continue;
      const left = view.toX(begin);
      const wide = Math.max(1.5, (end - begin) / view.perPixel - 1);
      const isSelected = panel.isSelected(stroke.id);
      pen.globalAlpha = panel.passes(entry) || isSelected ? 1 : 0.18;
      pen.fillStyle = classColour(stroke.label, wide < 8 ? 1 : 0.28);
      if (wide < 3 && !isSelected) {
        pen.fillRect(left, y + 4, wide, tall - 9);
        pen.globalAlpha = 1;
        continue;
      }
      pen.beginPath();
      pen.roundRect(left, y + 4, wide, tall - 9, Math.min(3, wide / 2));
      pen.fill();
      if (wide >= 8) {
        pen.fillStyle = classColour(stroke.label);
        pen.fillRect(left, y + 4, 3, tall - 9);
      }
      if (isSelected) {
        pen.strokeStyle = paint.text;
        pen.lineWidth = 2;
        pen.stroke();
      }
      if (wide > 34) {
        pen.save();
        pen.clip();
        pen.fillStyle = paint.text;
        const from = Math.max(left, 0) + 8;
        pen.fillText(fitting(pen, named(stroke.label), left + wide - from - 3), from, y + tall / 2);
        pen.restore();
      }
      pen.globalAlpha = 1;
    }
  }

  // What a finger takes the edges of the selected stroke by.
  function drawGrips(pen) {
    const entry = panel.selected;
    if (!entry?.stroke) return;
    const { y, height: tall } = view.lanes.find((lane) => lane.side === "stroke" && lane.player === players.of(entry));
    const { begin, end } = bounds(entry);
    pen.fillStyle = paint.text;
    // Outside of it, so that a short stroke can be seen between them.
    for (const [frame, side] of [[begin, -1], [end, 1]]) {
      const x = view.toX(frame);
      pen.fillRect(x - 1, y + 2, 2, tall - 5);
      pen.beginPath();
      pen.roundRect(side < 0 ? x - 10 : x, y + tall / 2 - 10, 10, 20, 5);
      pen.fill();
    }
  }

  // As much of a class's name as there is room for; its last word tells most.
  function fitting(pen, label, room) {
    const words = label.split(" ");
    for (let number = 0; number < words.length; number++) {
      const text = words.slice(number).join(" ");
      if (pen.measureText(text).width <= room) return text;
    }
    let rest = words.at(-1);
    while (rest.length > 2 && pen.measureText(`${rest}…`).width > room) rest = rest.slice(0, -1);
    return rest.length > 2 ? `${rest}…` : "";
  }

  function drawOverview(pen, entries) {
    const { y, height: tall } = view.rows.overview;
    const scale = view.width / FRAMES;
    pen.fillStyle = paint.raised;
    pen.fillRect(0, y + 3, view.width, tall - 6);
    const share = (tall - 14) / players.names.length;
    for (const entry of entries) {
      pen.globalAlpha = panel.passes(entry) ? 1 : 0.18;
      pen.fillStyle = classColour(entry.label, entry.stroke ? 1 : 0.4);
      const from = y + 7 + share * players.names.indexOf(players.of(entry));
      pen.fillRect(entry.begin * scale, from, Math.max(1, (entry.end - entry.begin) * scale - 0.5), share);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = paint.accent;
    pen.lineWidth = 1.5;
    pen.strokeRect(
      Math.max(1, view.begin * scale), y + 3.5, Math.min(view.width - 2, view.span * scale), tall - 7,
    );
  }

  function drawTop(pen) {
    pen.clearRect(0, 0, view.width, view.height);
    const { drag } = pointing;
    const frame = drag ? (drag.edge === "begin" ? drag.begin : drag.end - 1) : player.frame;
    pen.fillStyle = paint.playhead;
    pen.globalAlpha = 0.15;
    pen.fillRect(view.toX(frame), view.rows.ruler.height, Math.max(0, 1 / view.perPixel), view.rows.overview.y - view.rows.ruler.height);
    pen.globalAlpha = 1;
    const x = view.toX(frame);
    for (const lane of view.lanes) drawOpen(pen, lane, frame);
    pen.fillStyle = paint.playhead;
    pen.fillRect(x - 0.75, view.rows.ruler.height - 8, 1.5, view.rows.overview.y - view.rows.ruler.height + 4);
    pen.beginPath();
    pen.moveTo(x - 5, view.rows.ruler.height - 12);
    pen.lineTo(x + 5, view.rows.ruler.height - 12);
    pen.lineTo(x, view.rows.ruler.height - 5);
    pen.fill();
    pen.fillRect(frame * view.width / FRAMES - 0.75, view.rows.overview.y, 1.5, view.rows.overview.height);
    top.setAttribute("aria-valuenow", frame);
    top.setAttribute("aria-valuetext", `frame ${frame}, ${clockTime(frame)}`);
  }

  // The stroke that is begun, up to the playhead.
  function drawOpen(pen, { side, y, height: tall, player: whose }, frame) {
    const open = side === "stroke" && annotation.opened(whose);
    if (!open) return;
    const left = view.toX(open.begin);
    pen.fillStyle = classColour(open.label, 0.5);
    pen.fillRect(left, y + 4, Math.max(3, (frame + 1 - open.begin) / view.perPixel), tall - 9);
    pen.fillStyle = classColour(open.label);
    pen.fillRect(left, y + 4, 3, tall - 9);
  }

  return {
    start() {
      recolour();
      measure();
      new ResizeObserver(measure).observe($("#tracks"));
      view.onChange(redraw);
    },
    redraw,
    recolour,
  };
})();
