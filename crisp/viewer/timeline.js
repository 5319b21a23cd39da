// The timeline: three canvases over each other, that of the curves, drawn least often, of the strokes, and of
// the playhead alone.
const timeline = (() => {
  const curves = $("#curves");
  const base = $("#base");
  const top = $("#top");
  const tip = $("#tip");
  const EDGE = 6; // px on either side of an edge in which it is caught
  const NARROWEST = 24; // frames across
  const LEAST = 13; // of 255: what is below is not drawn
  const FONT = `12px ${getComputedStyle(document.body).fontFamily}`;
  const view = { begin: 0, end: FRAMES };
  let width = 0;
  let height = 0;
  let rows = {}; // name to {y, height}, px
  let paint = {}; // name of a colour to the colour
  let drawn = ""; // which curves the canvas of the curves shows
  let drag = null; // {id, edge, begin, end} while an edge is dragged
  let stale = { base: false, top: false };
  let actions = {}; // what the page does on a click: select, edit, describe

  const perPixel = () => (view.end - view.begin) / width;
  const toX = (frame) => (frame - view.begin) / perPixel();
  const toFrame = (x) => view.begin + x * perPixel();

  function measure() {
    const box = top.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    width = Math.max(1, box.width);
    height = box.height;
    for (const canvas of [curves, base, top]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    rows = Object.fromEntries([...$("#gutter").children].map((row) => {
      const place = row.getBoundingClientRect();
      return [row.className, { y: place.top - box.top, height: place.height }];
    }));
    drawn = "";
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
    drawn = "";
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
    pen.clearRect(0, 0, width, height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    drawRuler(pen);
    const entries = actions.entries();
    for (const name of ["annotation", "model"]) {
      pen.fillStyle = paint.raised;
      pen.fillRect(0, rows[name].y + 2, width, rows[name].height - 4);
    }
    drawLoaded(pen);
    drawRow(pen, rows.annotation, entries.filter((entry) => entry.stroke), (entry) => entry);
    drawRow(pen, rows.model, entries.filter((entry) => entry.found), (entry) => entry.found);
    drawCurves(curves.getContext("2d"), entries);
    drawOverview(pen, entries);
    top.dataset.begin = view.begin;
    top.dataset.end = view.end;
  }

  function drawRuler(pen) {
    const { y, height: tall } = rows.ruler;
    const seconds = perPixel() * 90 / FPS; // of about 90 px
    const step = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]
      .find((candidate) => candidate >= seconds) ?? 7200;
    const digits = step < 0.1 || step === 0.25 ? 2 : Number(step < 1);
    pen.lineWidth = 1;
    for (let tick = Math.ceil(view.begin / FPS / step); tick * step * FPS <= view.end; tick++) {
      const x = Math.round(toX(tick * step * FPS)) + 0.5;
      pen.strokeStyle = paint.grid;
      line(pen, x, y + tall - 5, x, rows.overview.y - 4);
      pen.fillStyle = paint.muted;
      pen.textAlign = x < 18 ? "left" : "center";
      if (x < width - 18) pen.fillText(clockTime(tick * step * FPS, digits), Math.max(0, x), y + tall / 2);
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
  const bounds = (stroke) => (drag && drag.id === stroke.id ? drag : stroke);

  // Where the strokes were when the page was made: a thin line below the corrected ones.
  function drawLoaded(pen) {
    const { y, height: tall } = rows.annotation;
    pen.fillStyle = paint.muted;
    for (const { begin, end } of annotation.loaded.filter(inView)) {
      pen.fillRect(toX(begin), y + tall - 3, Math.max(1, (end - begin) / perPixel()), 1.5);
    }
  }

  function drawRow(pen, { y, height: tall }, entries, shown) {
    if (!entries.length) {
      pen.fillStyle = paint.muted;
      pen.fillText("no strokes", 8, y + tall / 2);
    }
    for (const entry of entries) {
      const stroke = shown(entry);
      const { begin, end } = bounds(stroke);
      if (!inView({ begin, end })) continue;
      const left = toX(begin);
      const wide = Math.max(1.5, (end - begin) / perPixel() - 1);
      const isSelected = actions.isSelected(stroke.id);
      pen.globalAlpha = actions.passes(entry) || isSelected ? 1 : 0.18;
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

  function drawCurves(pen, entries) {
    const { y, height: tall } = rows.curves;
    const low = y + tall - 8;
    const high = y + 8;
    const chosen = entries.find((entry) => actions.isSelected(entry.id))?.label ?? actions.filtered();
    const next = `${view.begin} ${view.end} ${chosen}`;
    if (next === drawn) return;
    drawn = next;
    pen.clearRect(0, 0, width, height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    pen.strokeStyle = paint.line;
    pen.lineWidth = 1;
    for (const share of [0, 0.5, 1]) {
      const at = Math.round(low - share * (low - high)) + 0.5;
      line(pen, 0, at, width, at);
    }
    if (!PROBABILITIES) {
      pen.fillStyle = paint.muted;
      pen.fillText("The index holds no probabilities", 8, (low + high) / 2);
      return;
    }
    pen.save();
    pen.beginPath();
    pen.rect(0, y, width, tall);
    pen.clip();
    const order = PROBABILITIES.classes.map((label, number) => [label, PROBABILITIES.rows[number]])
      .sort(([one], [other]) => (one === chosen) - (other === chosen));
    for (const [label, values] of order) {
      const alpha = label === DATA.negative ? 0.4 : chosen && label !== chosen ? 0.45 : 1;
      const scale = (high - low) / 255;
      if (perPixel() / PROBABILITIES.stride >= 2) {
        pen.fillStyle = classColour(label, alpha);
        drawPixels(pen, values, low, scale);
        continue;
      }
      const { path, area } = curve(values, low, scale);
      pen.strokeStyle = classColour(label, alpha);
      pen.lineWidth = label === chosen ? 2 : 1.2;
      pen.stroke(path);
      if (label === DATA.negative) continue;
      pen.fillStyle = classColour(label, 0.1);
      pen.fill(area);
    }
    pen.restore();
  }

  // One class in view, value by value, where it is not close to nothing: the line, and the area below it.
  function curve(values, low, scale) {
    const { first, stride, count } = PROBABILITIES;
    const from = clamp(Math.floor((view.begin - first) / stride), 0, count - 1);
    const to = clamp(Math.ceil((view.end - first) / stride), 0, count - 1);
    const path = new Path2D();
    const area = new Path2D();
    const x = (number) => toX(first + number * stride);
    let isOpen = false;
    for (let number = from; number <= to; number++) {
      const most = Math.max(values[Math.max(from, number - 1)], values[number], values[Math.min(to, number + 1)]);
      if (most < LEAST) {
        if (isOpen) area.lineTo(x(number - 1), low);
        isOpen = false;
        continue;
      }
      const y = low + values[number] * scale;
      if (isOpen) path.lineTo(x(number), y);
      else {
        path.moveTo(x(number), y);
        area.moveTo(x(number), low);
      }
      area.lineTo(x(number), y);
      isOpen = true;
    }
    if (isOpen) area.lineTo(x(to), low);
    return { path, area };
  }

  // One class in view where several values fall on a pixel: from the least to the greatest of them.
  function drawPixels(pen, values, low, scale) {
    const { first, stride, count } = PROBABILITIES;
    let number = clamp(Math.ceil((view.begin - first) / stride), 0, count);
    for (let x = Math.max(0, Math.floor(toX(first))); x < width && number < count; x++) {
      const stop = Math.min(count, Math.ceil((toFrame(x + 1) - first) / stride));
      let least = 255;
      let most = 0;
      for (; number < stop; number++) {
        if (values[number] < least) least = values[number];
        if (values[number] > most) most = values[number];
      }
      if (most >= LEAST) pen.fillRect(x, low + most * scale, 1, Math.max(1.5, (least - most) * scale));
    }
  }

  function drawOverview(pen, entries) {
    const { y, height: tall } = rows.overview;
    const scale = width / FRAMES;
    pen.fillStyle = paint.raised;
    pen.fillRect(0, y + 3, width, tall - 6);
    for (const entry of entries) {
      pen.globalAlpha = actions.passes(entry) ? 1 : 0.18;
      pen.fillStyle = classColour(entry.label, entry.stroke ? 1 : 0.4);
      pen.fillRect(entry.begin * scale, y + 7, Math.max(1, (entry.end - entry.begin) * scale - 0.5), tall - 14);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = paint.accent;
    pen.lineWidth = 1.5;
    pen.strokeRect(
      Math.max(1, view.begin * scale), y + 3.5, Math.min(width - 2, (view.end - view.begin) * scale), tall - 7,
    );
  }

  function drawTop(pen) {
    pen.clearRect(0, 0, width, height);
    const frame = drag ? (drag.edge === "begin" ? drag.begin : drag.end - 1) : player.frame;
    pen.fillStyle = paint.playhead;
    pen.globalAlpha = 0.15;
    pen.fillRect(toX(frame), rows.ruler.height, Math.max(0, 1 / perPixel()), rows.overview.y - rows.ruler.height);
    pen.globalAlpha = 1;
    const x = toX(frame);
    pen.fillRect(x - 0.75, rows.ruler.height - 8, 1.5, rows.overview.y - rows.ruler.height + 4);
    pen.beginPath();
    pen.moveTo(x - 5, rows.ruler.height - 12);
    pen.lineTo(x + 5, rows.ruler.height - 12);
    pen.lineTo(x, rows.ruler.height - 5);
    pen.fill();
    pen.fillRect(frame * width / FRAMES - 0.75, rows.overview.y, 1.5, rows.overview.height);
    top.setAttribute("aria-valuenow", frame);
    top.setAttribute("aria-valuetext", `frame ${frame}, ${clockTime(frame)}`);
  }

  function look(begin, end) {
    const span = clamp(end - begin, Math.min(NARROWEST, FRAMES), FRAMES);
    view.begin = clamp(begin + (end - begin - span) / 2, 0, FRAMES - span);
    view.end = view.begin + span;
    redraw();
  }

  const pan = (frames) => look(view.begin + frames, view.end + frames);

  function zoom(factor, frame = player.frame) {
    const about = clamp(frame, view.begin, view.end);
    const span = clamp((view.end - view.begin) * factor, Math.min(NARROWEST, FRAMES), FRAMES);
    const begin = about - span * (about - view.begin) / (view.end - view.begin);
    look(clamp(begin, 0, FRAMES - span), clamp(begin, 0, FRAMES - span) + span);
  }

  function reveal(begin, end = begin + 1) {
    const span = view.end - view.begin;
    if (begin >= view.begin && end <= view.end) return;
    const margin = Math.max(span, 1.3 * (end - begin));
    look((begin + end - margin) / 2, (begin + end + margin) / 2);
  }

  // What lies under the pointer: {row, frame, entry, edge}.
  function under(event) {
    const box = top.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const row = Object.keys(rows).find((name) => y >= rows[name].y && y < rows[name].y + rows[name].height);
    const frame = toFrame(x);
    const found = { row, x, y, frame };
    const entries = actions.entries();
    if (row === "model") {
      const over = entries.filter(({ found: by }) => by && frame >= by.begin && frame < by.end);
      return { ...found, entry: over.at(-1) };
    }
    if (row !== "annotation") return found;
    const annotated = entries.filter((entry) => entry.stroke);
    const near = EDGE * perPixel();
    let caught = null;
    for (const entry of annotated) {
      for (const edge of ["begin", "end"]) {
        // Where strokes touch, the selected one is meant, else the one that the pointer is in.
        const inside = frame >= entry.begin && frame < entry.end;
        const distance = Math.abs(frame - entry[edge]) - (actions.isSelected(entry.id) ? near : inside ? near / 2 : 0);
        if (Math.abs(frame - entry[edge]) <= near && (!caught || distance < caught.distance)) {
          caught = { entry, edge, distance };
        }
      }
    }
    const over = annotated.filter((entry) => frame >= entry.begin && frame < entry.end).at(-1);
    return { ...found, entry: caught?.entry ?? over, edge: caught?.edge };
  }

  function press(event) {
    if (event.button !== 0) return;
    top.setPointerCapture(event.pointerId);
    tip.hidden = true;
    const at = under(event);
    if (at.edge) {
      const { id, begin, end } = at.entry;
      actions.select(id, { seek: false });
      player.pause();
      drag = { id, edge: at.edge, begin, end };
      player.seek(at.edge === "begin" ? begin : end - 1);
      redraw();
      top.onpointermove = pull;
      return;
    }
    if (at.row === "overview") {
      top.onpointermove = leaf;
      leaf(event);
      return;
    }
    if (at.entry) actions.select(at.entry.id, { seek: false });
    top.onpointermove = scrub;
    scrub(event);
  }

  const frameAt = (event) => toFrame(event.clientX - top.getBoundingClientRect().left);
  const scrub = (event) => player.seek(Math.floor(frameAt(event)));

  function pull(event) {
    const frame = Math.round(frameAt(event));
    if (drag.edge === "begin") drag.begin = clamp(frame, 0, drag.end - 1);
    else drag.end = clamp(frame, drag.begin + 1, FRAMES);
    player.seek(drag.edge === "begin" ? drag.begin : drag.end - 1);
    redraw();
  }

  function leaf(event) {
    const box = top.getBoundingClientRect();
    const middle = (event.clientX - box.left) / width * FRAMES;
    const half = (view.end - view.begin) / 2;
    look(clamp(middle, half, FRAMES - half) - half, clamp(middle, half, FRAMES - half) + half);
  }

  function release() {
    top.onpointermove = hover;
    if (!drag) return;
    const { id, begin, end } = drag;
    drag = null;
    actions.edit(id, { begin, end });
    redraw();
  }

  function cancel() {
    const dragged = drag !== null;
    drag = null;
    top.onpointermove = hover;
    if (dragged) redraw();
    return dragged;
  }

  function hover(event) {
    const at = under(event);
    top.style.cursor = at.edge ? "ew-resize" : at.entry ? "pointer" : at.row === "overview" ? "grab" : "default";
    const text = at.row === "overview" ? "" : actions.describe(at.row, at.entry, Math.floor(at.frame));
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    tip.style.left = `${Math.min(at.x + 14, width - tip.offsetWidth)}px`;
    // Above the pointer in the lower half, not to leave the window.
    tip.style.top = `${at.y > height / 2 ? at.y - tip.offsetHeight - 10 : at.y + 18}px`;
  }

  function wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 30 : 1; // Firefox counts lines
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      pan((event.deltaX || event.deltaY) * unit * perPixel());
    } else zoom(Math.exp(clamp(event.deltaY * unit, -300, 300) / 400), frameAt(event));
  }

  top.addEventListener("pointerdown", press);
  top.addEventListener("pointerup", release);
  top.addEventListener("pointercancel", cancel);
  top.addEventListener("pointerleave", () => { tip.hidden = true; });
  top.addEventListener("dblclick", (event) => {
    const { entry } = under(event);
    if (entry) look(entry.begin - (entry.end - entry.begin), entry.end + (entry.end - entry.begin));
  });
  top.addEventListener("wheel", wheel, { passive: false });
  top.onpointermove = hover;
  top.setAttribute("aria-valuemax", FRAMES - 1);

  return {
    start(given) {
      actions = given;
      recolour();
      measure();
      new ResizeObserver(measure).observe($("#tracks"));
    },
    get dragging() { return drag !== null; },
    view, redraw, recolour, look, pan, zoom, reveal, cancel,
  };
})();
