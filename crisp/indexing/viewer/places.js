// Where the files of this page lie on this machine, for messages and for commands to type.
const places = (() => {
  // The whole path where the page was opened from a file, else as the page links to it.
  function path(address) {
    const url = new URL(address, location.href);
    if (url.protocol !== "file:") return decodeURIComponent(address);
    const host = url.host && `//${url.host}`;
    return host + decodeURIComponent(url.pathname).replace(/^\/(?=[A-Za-z]:)/, ""); // C:/ on Windows
  }

  function typed(address) {
    const text = path(address);
    if (/^[\w@%+=:,./-]+$/.test(text)) return text;
    return /^[A-Za-z]:/.test(text) ? `"${text}"` : `'${text.replaceAll("'", `'"'"'`)}'`;
  }

  const folder = (address) => new URL(".", new URL(address, location.href)).href;
  const own = location.href.split(/[?#]/)[0];
  // The command that makes this page, of this name, again.
  const again = (...options) => [
    "crisp viewer", typed(DATA.index), ...options,
    ...(own === `${folder(DATA.index)}viewer.html` ? [] : ["--out", typed(own)]),
  ].join(" ");

  // A page that is made of a video comes with its command.
  if (DATA.command) {
    return {
      get copy() { return path(own).split("/").at(-1).replace(/\.[^.]*$/, ".mp4"); },
      get video() { return path(DATA.video.src); },
      copying: `${DATA.command} --proxy`,
      moving: DATA.command,
    };
  }
  return {
    // The name of the copy that belongs to this page.
    get copy() { return path(own).split("/").at(-1).replace(/\.[^.]*$/, ".mp4"); },
    get video() { return path(DATA.video.src); },
    get copying() { return again(...(DATA.moved ? ["--video", typed(DATA.moved)] : []), "--proxy"); },
    get moving() { return again("--video", "MOVED.mp4"); },
  };
})();
