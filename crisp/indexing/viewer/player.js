// The video and the position in it, which is a frame; without a video the position still moves.
const player = (() => {
  const video = $("#video");
  const SPEEDS = [1, 0.5, 0.25, 0.125];
  const SETTLED = 300; // ms without another picture
  const APART = 0.75; // frames; more is another frame, in a video of almost constant rate, too
  let frame = 0;
  let waits = false; // for the first picture, whose time says from where the browser counts
  let onScreen = 0; // time of the picture, s
  let settling = 0; // timer
  let tried = null; // frame that was sought again
  let wanted = null; // frame to seek to once the video has finished its present seek
  let loop = null; // {begin, end} to repeat
  let ready = false;
  let shown = times; // of the file that plays: a copy has its own
  let shift = 0; // s by which the browser counts less, from the first frame on
  const moved = new Set();
  const switched = new Set();

  const tell = (whom) => { for (const call of whom) call(); };

  function arrive(next) {
    if (next === frame) return;
    frame = next;
    tell(moved);
  }

  // The middle of the frame, so that rounding on either side leaves it the same.
  function show(next, place = 0.5) {
    if (video.seeking) { wanted = next; return; }
    wanted = null;
    clearTimeout(settling);
    video.currentTime = shown.of(next + place) - shift;
  }

  // The time of the next picture on the screen; older browsers give only that of the video.
  const onPicture = (call) => (video.requestVideoFrameCallback
    ? video.requestVideoFrameCallback((_, { mediaTime }) => call(mediaTime))
    : requestAnimationFrame(() => call(video.currentTime)));

  function seek(next) {
    const target = clamp(Math.round(next), 0, FRAMES - 1);
    arrive(target);
    if (ready) show(target);
  }

  video.addEventListener("seeked", () => { if (wanted === null) settle(); else show(wanted); });

  function follow(mediaTime) {
    onPicture(follow);
    if (waits) begin(mediaTime);
    onScreen = mediaTime + shift;
    settle();
    if (video.paused && isOther()) again();
    if (video.paused || video.seeking) return;
    const now = clamp(shown.at(onScreen), 0, FRAMES - 1);
    if (loop && (now >= loop.end || now < loop.begin)) seek(loop.begin);
    else arrive(now);
  }

  function settle() {
    clearTimeout(settling);
    settling = setTimeout(compare, SETTLED);
  }

  // Whether the picture is another frame's. Some browsers give the time sought instead, within the frame.
  function isOther() {
    if (!ready || video.seeking || shown.at(onScreen) === frame) return false;
    return shown.exact || Math.abs(onScreen - shown.of(frame)) * FPS > APART;
  }

  // Once more, further into the frame: some browsers take the frame before as longer than it is, and seek
  // beyond the end in the header only after they have read what follows.
  function again() {
    if (tried === frame) return false;
    tried = frame;
    show(frame, 0.9);
    return true;
  }

  function compare() {
    if (!ready || !video.paused || video.seeking) return;
    const found = isOther();
    if (found && again()) return;
    if (!found) tried = null;
    $("#miscount").hidden = !found;
    if (found) $("#miscount").replaceChildren(`This browser shows frame ${clamp(shown.at(onScreen), 0, FRAMES - 1)} instead of ${frame}. Make a copy that it counts alike: `, make("code", {}, places.copying));
  }

  // The first picture is at its time stamp, or at 0 in browsers that count from it.
  function begin(mediaTime) {
    waits = false;
    shift = Math.abs(mediaTime) < Math.abs(mediaTime - shown.start) ? shown.start : 0;
    ready = true;
    show(frame);
    tell(switched);
  }

  function play() {
    if (!ready) return;
    if (loop && (frame >= loop.end || frame < loop.begin)) seek(loop.begin);
    else if (!loop && frame >= FRAMES - 1) seek(0);
    video.play().catch(() => tell(switched));
  }

  function pause() {
    if (!video.paused) video.pause();
  }

  video.addEventListener("play", () => tell(switched));
  // The event "ended" comes after a seek to the end, too.
  video.addEventListener("pause", () => {
    if (!video.ended) seek(frame);
    else if (loop) { seek(loop.begin); video.play(); } else arrive(FRAMES - 1);
    tell(switched);
  });

  // What to do comes as [words, command]; the file can be chosen besides.
  function trouble(title, ...remedies) {
    ready = false;
    $("#trouble strong").textContent = title;
    $("#trouble div").replaceChildren(...remedies.map(([words, command]) => make("p", {}, `${words} `, make("code", {}, command))));
    $("#trouble").hidden = false;
    tell(switched);
  }

  function open(address, isCopy) {
    $("#trouble").hidden = $("#miscount").hidden = true;
    ready = waits = false;
    shown = isCopy ? frameTimes(null) : times;
    video.src = address;
  }

  const COPY = "Where this browser does not play its format, make a copy that plays:";

  video.addEventListener("error", () => trouble(
    `The video does not open: ${places.video}`,
    [COPY, places.copying],
    ["Where it was moved, make this page again:", places.moving],
  ));
  video.addEventListener("loadedmetadata", () => {
    if (!video.videoWidth) {
      video.removeAttribute("src");
      trouble(`This browser does not play the pictures of ${places.video}`, ["Make a copy that plays:", places.copying]);
      return;
    }
    const expected = shown.of(FRAMES);
    // Recordings of browsers have no duration.
    if (Number.isFinite(video.duration) && Math.abs(video.duration - expected) > Math.max(0.5, 0.01 * expected)) {
      tellStatus(`This video lasts ${video.duration.toFixed(1)} s, the indexed one ${expected.toFixed(1)} s`);
    } else if (DATA.video.variable) {
      tellStatus("The frame rate of this video varies, so that pictures and frames may not agree");
    }
    video.playbackRate = Number($("#speed").value);
    if (shown.start) waits = true;
    else begin(0);
  });

  $("#choose").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) open(URL.createObjectURL(file), file.name === places.copy);
  });

  return {
    get frame() { return frame; },
    get ready() { return ready; },
    get playing() { return !video.paused; },
    get loop() { return loop; },
    set loop(bounds) { loop = bounds; tell(switched); },
    get shown() { return video; },
    seek,
    play,
    pause,
    toggle: () => (video.paused ? play() : pause()),
    step(count) { pause(); seek(frame + count); },
    skip(seconds) { pause(); seek(times.at(times.of(frame) + seconds)); },
    slower(count) {
      const chosen = clamp(SPEEDS.indexOf(video.playbackRate) + count, 0, SPEEDS.length - 1);
      this.speed = SPEEDS[chosen];
    },
    get speed() { return video.playbackRate; },
    set speed(rate) { video.playbackRate = rate; $("#speed").value = String(rate); },
    onMove: (call) => moved.add(call),
    onSwitch: (call) => switched.add(call),
    start() { onPicture(follow); open(DATA.video.src, DATA.video.proxy); },
  };
})();
