// When each frame is shown, as in crisp.core.frame_times: by time stamps (s), or without them frame n at n / FPS.
const RESOLUTION = 0.0005 + 1e-9; // s; times may be rounded to milliseconds

function frameTimes(stamps) {
  const last = stamps ? stamps.length - 1 : 0;

  // Of a part of a frame, too, and of frames before the first and after the last.
  function of(frame) {
    if (!stamps) return frame / FPS;
    const whole = clamp(Math.floor(frame), 0, last);
    const length = whole < last ? stamps[whole + 1] - stamps[whole] : 1 / FPS;
    return stamps[whole] + (frame - whole) * length;
  }

  function at(seconds) {
    const time = seconds + RESOLUTION;
    if (!stamps) return Math.floor(time * FPS);
    let first = 0; // the last stamp up to the time is in [first, beyond)
    let beyond = stamps.length;
    while (beyond - first > 1) {
      const middle = (first + beyond) >> 1;
      if (stamps[middle] <= time) first = middle;
      else beyond = middle;
    }
    return first;
  }

  // The position of a time among the frames, not necessarily whole.
  function place(seconds) {
    const frame = at(seconds);
    return frame + (seconds - of(frame)) / (of(frame + 1) - of(frame));
  }

  return { of, at, place, start: of(0), exact: Boolean(stamps) };
}

const times = frameTimes(DATA.video.times);

// 83.5 s is 1:23.50
function clock(time, digits = 2) {
  const steps = 10 ** digits;
  const all = Math.round(time * steps);
  const seconds = ((all / steps) % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  const minutes = Math.floor(all / steps / 60);
  if (minutes < 60) return `${minutes}:${seconds}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${seconds}`;
}
const clockTime = (frame, digits) => clock(times.of(frame), digits);
const duration = ({ begin, end }) => `${(times.of(end) - times.of(begin)).toFixed(2)} s`;
