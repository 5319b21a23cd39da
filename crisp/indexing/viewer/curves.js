// The probability of every class over the frames in view.
const curves = (() => {
  const LEAST = 13; // of 255: what is below is not drawn
  let drawn = ""; // what the canvas shows

  function draw(pen, paint) {
    const { y, height: tall } = view.rows.curves;
    const low = y + tall - 8;
    const high = y + 8;
    const chosen = panel.selected?.label ?? panel.filtered();
    const { probabilities } = players.shown;
    const next = `${view.begin} ${view.end} ${chosen} ${players.chosen}`;
    if (next === drawn) return;
    drawn = next;
    pen.clearRect(0, 0, view.width, view.height);
    if (!probabilities || !tall) return;
    pen.fillStyle = paint.line;
    for (const share of [0, 0.5, 1]) pen.fillRect(0, Math.round(low - share * (low - high)), view.width, 1);
    pen.save();
    pen.beginPath();
    pen.rect(0, y, view.width, tall);
    pen.clip();
    const order = probabilities.classes.map((label, number) => [label, probabilities.rows[number]])
      .toSorted(([one], [other]) => (one === chosen) - (other === chosen));
    for (const [label, values] of order) {
      const alpha = label === DATA.negative ? 0.4 : chosen && label !== chosen ? 0.45 : 1;
      const scale = (high - low) / 255;
      if (view.perPixel / probabilities.stride >= 2) {
        pen.fillStyle = classColour(label, alpha);
        drawPixels(pen, values, probabilities, low, scale);
        continue;
      }
      const { path, area } = curve(values, probabilities, low, scale);
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
  function curve(values, { first, stride, count }, low, scale) {
    const from = clamp(Math.floor((view.begin - first) / stride), 0, count - 1);
    const to = clamp(Math.ceil((view.end - first) / stride), 0, count - 1);
    const path = new Path2D();
    const area = new Path2D();
    const x = (number) => view.toX(first + number * stride);
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
  function drawPixels(pen, values, { first, stride, count }, low, scale) {
    let number = clamp(Math.ceil((view.begin - first) / stride), 0, count);
    for (let x = Math.max(0, Math.floor(view.toX(first))); x < view.width && number < count; x++) {
      const stop = Math.min(count, Math.ceil((view.toFrame(x + 1) - first) / stride));
      let least = 255;
      let most = 0;
      for (; number < stop; number++) {
        if (values[number] < least) least = values[number];
        if (values[number] > most) most = values[number];
      }
      if (most >= LEAST) pen.fillRect(x, low + most * scale, 1, Math.max(1.5, (least - most) * scale));
    }
  }

  return { draw, forget() { drawn = ""; } };
})();
