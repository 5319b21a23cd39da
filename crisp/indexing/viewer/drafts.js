// What this browser keeps over a crash: in localStorage at once, which outlives the page, and in IndexedDB on the
// disk. Browsers write localStorage to the disk once a minute or less, so that one that is killed loses it.
const drafts = (() => {
  const STORE = "drafts";
  let keeps = true;

  const settled = (request) => new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
  const database = open().catch(() => null);

  async function open() {
    const request = indexedDB.open("crisp-viewer", 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
    return settled(request);
  }

  async function onDisk(mode, act) {
    const opened = await database;
    return opened && settled(act(opened.transaction(STORE, mode, { durability: "strict" }).objectStore(STORE)));
  }

  // Null keeps nothing: it takes the place of what is still on the disk.
  function write(key, content) {
    const text = JSON.stringify({ when: Date.now(), ...content });
    try {
      if (content) localStorage.setItem(key, text);
      else localStorage.removeItem(key);
    } catch {
      keeps = false;
    }
    onDisk("readwrite", (store) => store.put(text, key)).catch(() => {});
  }

  // The last content of a key; null where there is none.
  async function read(key) {
    const texts = [await onDisk("readonly", (store) => store.get(key)).catch(() => null)];
    try {
      texts.push(localStorage.getItem(key));
    } catch {
      keeps = false;
    }
    const kept = texts.filter(Boolean).map((text) => JSON.parse(text)).toSorted((one, other) => other.when - one.when)[0];
    return kept?.strokes ? kept : null;
  }

  return { get keeps() { return keeps; }, write, read };
})();
