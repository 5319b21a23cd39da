// What mouse, pen and fingers do on the timeline: go to a frame, select, drag an edge, zoom.
const pointing = (() => {
  const top = $("#top");
  const tip = $("#tip");
  const REACH = { touch: 22, pen: 12 }; // px on either side of an edge in which it is caught
  const REACH_OF_MOUSE = 6;
  const TAP = 8; // px that a finger may move and still tap
  const LEAST_SPREAD = 20; // px between two fingers
  const fingers = new Map(); // pointers that are down: id to x
  let gesture = null; // of the pointer that came first: {event, at, go}; go is null while it may be a tap
  let pinch = null; // {frame between two fingers, frames a px times the px between them}
  let drag = null; // {id, edge, begin, end} while an edge is dragged

  const xOf = (event) => event.clientX - top.getBoundingClientRect().left;
  const frameAt = (event) => view.toFrame(xOf(event));
  const away = (frame, { begin, end }) => Math.max(begin - frame, frame - end, 0);

  // What lies under the pointer: {row, player, frame, entry, edge}; the edge may be one of another entry.
  function under(event) {
    const box = top.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const place = [...view.lanes, ...Object.values(view.rows)].find((one) => y >= one.y && y < one.y + one.height);
    const { row, side, player: whose } = place ?? {};
    const frame = view.toFrame(x);
    const found = { row, player: whose, x, y, frame };
    if (!side) return found;
    const near = (REACH[event.pointerType] ?? REACH_OF_MOUSE) * view.perPixel;
    const entries = panel.entries.filter((entry) => entry[side] && players.of(entry[side]) === whose);
    let entry = entries.findLast((one) => frame >= one[side].begin && frame < one[side].end);
    if (!entry && event.pointerType === "touch") {
      const close = entries.filter((one) => away(frame, one[side]) <= near);
      entry = close.toSorted((one, other) => away(frame, one[side]) - away(frame, other[side]))[0];
    }
    return { ...found, entry, edge: row === "annotation" ? edgeAt(frame, near, entries, event.pointerType) : undefined };
  }

  // The edge that a pointer takes: {id, name}.
  function edgeAt(frame, near, entries, pointer) {
    let caught = null;
    for (const { id, begin, end } of entries) {
      const isSelected = panel.isSelected(id);
      // Of a stroke no broader than a finger only the selected one's, so that a hand on the way somewhere changes none.
      if (pointer === "touch" && !isSelected && end - begin < 2 * near) continue;
      for (const [name, bound] of [["begin", begin], ["end", end]]) {
        // Where strokes touch, the selected one is meant, else the one that the pointer is in.
        const inside = frame >= begin && frame < end;
        const distance = Math.abs(frame - bound) - (isSelected ? near : inside ? near / 2 : 0);
        if (Math.abs(frame - bound) <= near && (!caught || distance < caught.distance)) caught = { id, name, distance };
      }
    }
    return caught;
  }

  function press(event) {
    if (event.button !== 0) return;
    top.setPointerCapture(event.pointerId);
    tip.hidden = true;
    fingers.set(event.pointerId, xOf(event));
    if (fingers.size === 2) {
      cancel();
      const { middle, spread } = spreadOf();
      pinch = { frame: view.toFrame(middle), frames: view.perPixel * spread };
    }
    if (fingers.size > 1) return;
    gesture = { event, at: under(event), go: null };
    if (event.pointerType !== "touch") {
      beginGesture();
      gesture.go(event);
    }
  }

  function move(event) {
    if (!fingers.has(event.pointerId)) { hover(event); return; }
    fingers.set(event.pointerId, xOf(event));
    if (pinch) { pull(); return; }
    if (!gesture) return;
    if (!gesture.go) {
      if (Math.abs(event.clientX - gesture.event.clientX) <= TAP) return;
      beginGesture();
    }
    gesture.go(event);
  }

  function release(event) {
    fingers.delete(event.pointerId);
    if (fingers.size < 2) pinch = null;
    if (fingers.size) return;
    const done = gesture;
    gesture = null;
    if (drag) {
      const { id, ...parts } = drag;
      drag = null;
      acts.edit(id, { [parts.edge]: parts[parts.edge] });
      timeline.redraw();
    } else if (done && !done.go) tap(done);
  }

  function beginGesture() {
    const { event, at } = gesture;
    players.choose(at.player);
    if (at.edge) {
      const { id, name } = at.edge;
      const stroke = annotation.find(id);
      panel.select(id, { seek: false });
      player.pause();
      drag = { id, edge: name, begin: stroke.begin, end: stroke.end };
      // The bound goes as far as the pointer, wherever beside the edge that took hold of it.
      const apart = stroke[name] - frameAt(event);
      gesture.go = (now) => bend(Math.round(frameAt(now) + apart));
    } else if (at.row === "overview") gesture.go = leaf;
    else {
      if (at.entry && event.pointerType !== "touch") panel.select(at.entry.id, { seek: false });
      gesture.go = (now) => player.seek(Math.floor(frameAt(now)));
    }
  }

  function tap({ event, at }) {
    if (at.row === "overview") { leaf(event); return; }
    players.choose(at.player);
    if (at.entry) panel.select(at.entry.id, { seek: false });
    const shown = at.entry?.[at.row === "model" ? "found" : "stroke"];
    const frame = Math.floor(at.frame);
    player.seek(shown ? clamp(frame, shown.begin, shown.end - 1) : frame);
  }

  function bend(frame) {
    if (drag.edge === "begin") drag.begin = clamp(frame, 0, drag.end - 1);
    else drag.end = clamp(frame, drag.begin + 1, FRAMES);
    player.seek(drag.edge === "begin" ? drag.begin : drag.end - 1);
    timeline.redraw();
  }

  // The view to where a pointer is on the whole video.
  function leaf(event) {
    const half = view.span / 2;
    const middle = clamp(xOf(event) / view.width * FRAMES, half, FRAMES - half);
    view.look(middle - half, middle + half);
  }

  function spreadOf() {
    const [one, other] = fingers.values();
    return { middle: (one + other) / 2, spread: Math.max(LEAST_SPREAD, Math.abs(one - other)) };
  }

  // The frame between two fingers stays there.
  function pull() {
    const { middle, spread } = spreadOf();
    const perPixel = pinch.frames / spread;
    const first = pinch.frame - middle * perPixel;
    view.look(first, first + view.width * perPixel);
  }

  function cancel() {
    const dragged = drag !== null;
    drag = null;
    gesture = null;
    if (dragged) timeline.redraw();
    return dragged;
  }

  function lose(event) {
    fingers.delete(event.pointerId);
    pinch = null;
    cancel();
  }

  function hover(event) {
    if (event.pointerType === "touch") return;
    const at = under(event);
    top.style.cursor = at.edge ? "ew-resize" : at.entry ? "pointer" : at.row === "overview" ? "grab" : "default";
    const text = at.row === "overview" ? "" : describe(at.row, at.entry, Math.floor(at.frame));
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    tip.style.left = `${Math.min(at.x + 14, view.width - tip.offsetWidth)}px`;
    // Above the pointer in the lower half, not to leave the window.
    tip.style.top = `${at.y > view.height / 2 ? at.y - tip.offsetHeight - 10 : at.y + 18}px`;
  }

  function describe(row, entry, frame) {
    if (!entry) return row === "curves" || row === "ruler" ? `frame ${frame} · ${clockTime(frame)}` : "";
    const shown = row === "model" ? entry.found : entry.stroke;
    const lines = [named(shown.label) + forPlayer(players.of(shown)), `frames ${shown.begin} to ${shown.end} · ${duration(shown)}`];
    if (row === "model") lines.push(sureness(shown));
    return lines.join("\n");
  }

  function wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 30 : 1; // Firefox counts lines
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.pan((event.deltaX || event.deltaY) * unit * view.perPixel);
    } else view.zoom(Math.exp(clamp(event.deltaY * unit, -300, 300) / 400), frameAt(event));
  }

  top.addEventListener("pointerdown", press);
  top.addEventListener("pointermove", move);
  top.addEventListener("pointerup", release);
  top.addEventListener("pointercancel", lose);
  top.addEventListener("pointerleave", () => { tip.hidden = true; });
  // Or else a quick drag goes on for a while in the browser, which takes the next tap, anywhere, as its end.
  top.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false });
  top.addEventListener("dblclick", (event) => {
    const { entry } = under(event);
    if (entry) view.lookAt(entry);
  });
  top.addEventListener("wheel", wheel, { passive: false });

  return {
    get drag() { return drag; },
    cancel,
  };
})();
