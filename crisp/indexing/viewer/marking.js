// New strokes as the video plays: the key of a class begins one, the same key or O ends it.
const marking = (() => {
  const classes = DATA.marks ?? []; // {label, key, colour}; none on the pages of a model
  const byKey = new Map(classes.filter(({ key }) => key).map(({ key, label }) => [key, label]));
  const keyOf = (label) => classes.find((one) => one.label === label)?.key;
  let last = classes[0]?.label ?? "";

  const opened = () => annotation.opened(players.chosen);

  function begin(label) {
    const { frame } = player;
    const whose = players.chosen;
    const there = annotation.beside({ begin: frame, end: frame + 1, player: whose });
    if (there) {
      tellStatus(`No stroke begun${forPlayer(whose)}: frame ${frame} is in that of frames ${there.begin} to ${there.end}`);
      return;
    }
    reopen({ begin: frame, label, player: whose });
  }

  function reopen(stroke) {
    last = stroke.label;
    annotation.setOpen(stroke.player, stroke);
    const ending = [keyOf(stroke.label)?.toUpperCase(), "O"].filter(Boolean).join(" or ");
    tellStatus(`${named(stroke.label)} begun at frame ${stroke.begin}${forPlayer(stroke.player)}: ${ending} ends it, Esc cancels`);
  }

  // The end is exclusive.
  function end(at) {
    const { begin: from, label, player: whose } = opened();
    if (at <= from) {
      tellStatus("The end has to be after the first frame");
      return false;
    }
    annotation.setOpen(whose, null);
    const id = annotation.add(from, at, label, whose);
    const other = annotation.beside(annotation.find(id));
    panel.select(id, { seek: false });
    tellStatus([`${named(label)}, frames ${from} to ${at}`, other && overlapping(other)].filter(Boolean).join("; "));
    return true;
  }

  function press(label) {
    const open = opened();
    const { selected } = panel;
    if (open?.label === label) end(player.frame + 1);
    else if (open?.begin === player.frame) reopen({ ...open, label });
    else if (open) { if (end(player.frame)) begin(label); }
    else if (!player.playing && selected?.stroke && selected.begin <= player.frame && player.frame < selected.end) {
      last = label;
      acts.edit(selected.id, { label });
    } else begin(label);
  }

  // Whether I and O are about a stroke that is open, or that begins here, and about none that is selected.
  function bound(name) {
    if (!classes.length) return false;
    const open = opened();
    if (name === "end") {
      if (open) end(player.frame + 1);
      return Boolean(open);
    }
    if (open) reopen({ ...open, begin: player.frame });
    else if (panel.selected?.stroke && player.frame < panel.selected.end) return false;
    else begin(last);
    return true;
  }

  function cancel() {
    const open = opened();
    if (!open) return false;
    annotation.setOpen(open.player, null);
    tellStatus(`${named(open.label)} at frame ${open.begin} is not begun any more`);
    return true;
  }

  // The classes with their keys, to be clicked as well.
  function show() {
    const open = opened();
    $("#palette ol").replaceChildren(...classes.map(({ label, key }) => make("li", {}, make("button", {
      "style": `--class: ${classColour(label)}`, "aria-pressed": String(open?.label === label), "onclick": () => press(label),
      "title": `Begin a stroke of this class at the frame shown, or end it${key ? ` (${key.toUpperCase()})` : ""}`,
    }, ...(key ? [make("kbd", {}, key.toUpperCase())] : []), make("span", { className: "name" }, label),
    String(annotation.strokes.filter((stroke) => stroke.label === label).length)))));
    $("#finished").setAttribute("aria-checked", String(!annotation.unfinished));
  }

  function start() {
    if (!classes.length) return;
    $("#palette").hidden = false;
    $("#finished").addEventListener("click", () => { annotation.unfinished = !annotation.unfinished; });
    annotation.onChange(() => { show(); timeline.redraw(["top"]); });
    players.onChange(show);
    show();
  }

  return {
    get last() { return last; },
    keys: [...byKey.keys()],
    press: (key) => press(byKey.get(key.toLowerCase())),
    bound, cancel, show, start,
  };
})();
