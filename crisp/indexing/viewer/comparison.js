// The strokes of the model, and how they agree with the annotated ones.
const MODEL = FOUND.map((found, number) => ({ id: `model-${number}`, ...found })).toSorted((one, other) => one.begin - other.begin);
const LEAST_OVERLAP = 0.5; // intersection over union of the same bounds, as detections are judged

// The number beside a stroke of the model: the probability of its class, null where the index lacks it.
const confidence = (found) => found.probability;
const classShare = (found) => (confidence(found) === null ? "–" : percent(confidence(found)));
const sureness = ({ probability, score, cut }) => [
  probability === null ? "class probability not in this index" : `class ${percent(probability)}`,
  `any stroke ${percent(score)}`,
  ...(cut ? [`cut at ${cut === "both" ? "both ends" : `its ${cut}`}: it may go on there`] : []),
].join(" · ");

function overlap(one, other) {
  const shared = Math.min(one.end, other.end) - Math.max(one.begin, other.begin);
  return shared <= 0 ? 0 : shared / (Math.max(one.end, other.end) - Math.min(one.begin, other.begin));
}

// Entries {id, begin, end, label, player, stroke, found, kind, clash}: annotated strokes each with the model's that
// it overlaps most, every one of the model's once, and what only the model found. Without probabilities the
// model judged some strokes alone, so that none of the others counts as missed.
function compared(strokes) {
  const pairs = [];
  let from = 0;
  const longest = MODEL.reduce((most, { begin, end }) => Math.max(most, end - begin), 0);
  for (const stroke of strokes) {
    while (from < MODEL.length && MODEL[from].begin + longest <= stroke.begin) from++;
    for (let number = from; number < MODEL.length && MODEL[number].begin < stroke.end; number++) {
      const share = players.same(stroke, MODEL[number]) ? overlap(stroke, MODEL[number]) : 0;
      if (share > 0) pairs.push([share, stroke, MODEL[number]]);
    }
  }
  pairs.sort(([one], [other]) => other - one);
  const partner = new Map();
  for (const [, stroke, found] of pairs) {
    if (partner.has(stroke.id) || partner.has(found.id)) continue;
    partner.set(stroke.id, found).set(found.id, stroke);
  }
  const reached = new Map(); // the last end of the strokes of each player so far
  const entries = strokes.map((stroke) => {
    const found = partner.get(stroke.id);
    const clash = [...reached].some(([player, end]) => players.same(stroke, { player }) && stroke.begin < end);
    reached.set(stroke.player, Math.max(reached.get(stroke.player) ?? 0, stroke.end));
    let kind = "same";
    if (!found) kind = stroke.label === DATA.negative || !HAS_PROBABILITIES ? "same" : "missed";
    else if (found.label !== stroke.label) kind = "class";
    else if (overlap(stroke, found) < LEAST_OVERLAP) kind = "bounds";
    return { ...stroke, stroke, found, kind, clash };
  });
  const extra = MODEL.filter((found) => !partner.has(found.id)).map((found) => ({ ...found, found, kind: "extra" }));
  return [...entries, ...extra].toSorted((one, other) => one.begin - other.begin || one.end - other.end);
}
