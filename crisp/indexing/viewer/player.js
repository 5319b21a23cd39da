// The video and the position in it, which is a frame; without a video the position still moves.
const player = (() => {
  const video = $("#video");
  const SPEEDS = [1, 0.5, 0.25, 0.125];
  let frame = 0;
  let wanted = null; // frame to seek to once the video has finished its present seek
  let loop = null; // {begin, end} to repeat
  let ready = false;
  const moved = new Set();
  const switched = new Set();

  const tell = (whom) => { for (const call of whom) call(); };

  function arrive(next) {
    if (next === frame) return;
    frame = next;
    tell(moved);
  }

  // The middle of the frame, so that rounding on either side leaves it the same.
  function show(next) {
    if (video.seeking) { wanted = next; return; }
    wanted = null;
    video.currentTime = (next + 0.5) / FPS;
  }

  function seek(next) {
    const target = clamp(Math.round(next), 0, FRAMES - 1);
    arrive(target);
    if (ready) show(target);
  }

  video.addEventListener("seeked", () => { if (wanted !== null) show(wanted); });

  function follow() {
    if (video.paused) return;
    requestAnimationFrame(follow);
    if (video.seeking) return;
    const now = clamp(Math.floor(video.currentTime * FPS + 1e-3), 0, FRAMES - 1);
    if (loop && (now >= loop.end || now < loop.begin)) seek(loop.begin);
    else arrive(now);
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

  video.addEventListener("play", () => { follow(); tell(switched); });
  video.addEventListener("pause", () => { if (!video.ended) seek(frame); tell(switched); });
  video.addEventListener("ended", () => { if (loop) { seek(loop.begin); video.play(); } else arrive(FRAMES - 1); });

  // What to do comes as [words, command]; the file can be chosen besides.
  function trouble(title, ...remedies) {
    ready = false;
    $("#trouble strong").textContent = title;
    $("#trouble div").replaceChildren(...remedies.map(([words, command]) => make("p", {}, `${words} `, make("code", {}, command))));
    $("#trouble").hidden = false;
    tell(switched);
  }

  function open(address) {
    $("#trouble").hidden = true;
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
    ready = true;
    const expected = FRAMES / FPS;
    if (Math.abs(video.duration - expected) > Math.max(0.5, 0.01 * expected)) {
      tellStatus(`This video lasts ${video.duration.toFixed(1)} s, the indexed one ${expected.toFixed(1)} s`);
    } else if (DATA.video.variable) {
      tellStatus("The frame rate of this video varies, so that pictures and frames may not agree");
    }
    video.playbackRate = Number($("#speed").value);
    show(frame);
    tell(switched);
  });

  $("#choose").addEventListener("change", (event) => {
    if (event.target.files.length) open(URL.createObjectURL(event.target.files[0]));
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
    slower(count) {
      const chosen = clamp(SPEEDS.indexOf(video.playbackRate) + count, 0, SPEEDS.length - 1);
      this.speed = SPEEDS[chosen];
    },
    get speed() { return video.playbackRate; },
    set speed(rate) { video.playbackRate = rate; $("#speed").value = String(rate); },
    onMove: (call) => moved.add(call),
    onSwitch: (call) => switched.add(call),
    start: () => open(DATA.video.src),
  };
})();
