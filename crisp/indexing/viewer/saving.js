// Saving: as a download or, on a page of `crisp serve`, in place.
const saving = (() => {
  const { save: place } = DATA;
  let { base } = DATA; // the version of the file from which the strokes come
  let isBusy = false;

  const without = () => (annotation.hasOpen ? ", without the stroke that is only begun" : "");

  function download() {
    const address = URL.createObjectURL(new Blob([annotation.xml()], { type: "application/xml" }));
    make("a", { href: address, download: DATA.file }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    annotation.markSaved(annotation.snapshot());
    tellStatus(`${DATA.file} is saved where this browser puts downloads${without()}`);
  }

  async function put(version = base) {
    if (isBusy) return;
    isBusy = true;
    const snapshot = annotation.snapshot();
    try {
      const answer = await fetch(`${place}?version=${version}`, {
        method: "PUT", body: annotation.xml(), headers: { "Content-Type": "application/xml" },
      });
      if (answer.status === 409) conflict(await answer.json());
      else if (answer.ok) {
        ({ version: base } = await answer.json());
        annotation.rebase(snapshot, base);
        tellStatus(`${DATA.file} is saved${without()}`);
      } else tellStatus(`Not saved, kept in this browser: ${await answer.text()}`);
    } catch {
      tellStatus("Not saved, kept in this browser: crisp serve does not answer");
    }
    isBusy = false;
  }

  function conflict(theirs) {
    const count = `${theirs.strokes.length} stroke${theirs.strokes.length === 1 ? "" : "s"}`;
    notify(`Not saved: ${DATA.file} has been changed since this page read it, and has ${count} now. Both are kept.`, {
      "Show theirs": () => {
        annotation.adopt(theirs.strokes, theirs.begun, theirs.version);
        base = theirs.version;
        tellStatus("The strokes of the file are shown; undo brings yours back");
      },
      "Save mine, theirs becomes a backup": () => put(theirs.version),
      "Close": () => {},
    });
  }

  return { act: () => (place ? put() : download()) };
})();
