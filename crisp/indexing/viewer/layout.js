// Where the window is small, either the list or the selected stroke is shown, and the filters only when asked for.
const layout = (() => {
  const { dataset } = document.body;
  const pressed = (name, isOn) => $(`#${name}`).setAttribute("aria-pressed", String(isOn));

  // "list" or "stroke"
  function show(which) {
    dataset.shown = which;
    pressed("show-list", which === "list");
    pressed("show-stroke", which === "stroke");
  }

  function filters(isOn) {
    dataset.filters = isOn ? "on" : "off";
    pressed("show-filters", isOn);
    if (isOn) show("list");
  }

  function start() {
    $("#show-list").addEventListener("click", () => show("list"));
    $("#show-stroke").addEventListener("click", () => show("stroke"));
    $("#show-filters").addEventListener("click", () => filters(dataset.filters !== "on"));
    dataset.curves = HAS_PROBABILITIES ? "on" : "off";
    show("list");
    filters(false);
  }

  return { show, start };
})();
