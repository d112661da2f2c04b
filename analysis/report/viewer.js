// The viewer of sampled responses: choices, a list of those that match, and one of them in full.
const viewer = document.getElementById("viewer");
const data = dataOf("samples");
if (viewer && data) {
  const { samples, boards, names } = data;
  const space = document.getElementById("svg").namespaceURI;
  const outcome = one => one.correct ? "correct" : "incorrect";
  const fields = {
    task: one => one.task,
    policy: one => one.source,
    N: one => one.N,
    outcome,
    difficulty: one => one.difficulty,
    pair: one => one.pairs.length ? "with a pair" : "without",
  };
  const controls = element("div", { className: "controls" });
  const words = search("search");
  const count = element("span", { className: "note" });
  count.setAttribute("role", "status");
  const previous = element("button", { type: "button", textContent: "\u2190 previous" });
  const next = element("button", { type: "button", textContent: "next \u2192" });
  const selects = {};
  for (const [name, value] of Object.entries(fields)) {
    const one = choice(name, samples.map(value), names);
    selects[name] = one.select;
    if (one.useful) controls.append(one.label);
  }
  controls.append(words.label, previous, next, count);
  const list = element("ol", { className: "list" });
  const card = element("div");
  viewer.append(controls, element("div", { className: "viewer" }, list, card));
  const texts = samples.map(one => [one.problem, one.prompt, ...one.steps].join(" ").toLowerCase());
  let shown = [], at = 0;

  function apply() {
    const wanted = wordsOf(words.input);
    shown = samples.map((one, i) => i).filter(i =>
      Object.entries(fields).every(([name, value]) => !selects[name].value || String(value(samples[i])) === selects[name].value)
      && matches(texts[i], wanted));
    list.replaceChildren(...shown.map((i, place) => {
      const one = samples[i];
      const mark = element("span", { className: one.correct ? "good" : "bad", textContent: one.correct ? "\u2713 " : "\u2717 " });
      const button = element("button", { type: "button" }, mark, `${names[one.source]}, N = ${one.N}, ${one.problem}`);
      button.addEventListener("click", () => show(place));
      return element("li", {}, button);
    }));
    show(0);
  }

  function show(place) {
    at = Math.max(0, Math.min(place, shown.length - 1));
    count.textContent = shown.length ? `${at + 1} of ${shown.length} responses` : `0 of ${samples.length} responses`;
    previous.disabled = at === 0;
    next.disabled = at >= shown.length - 1;
    const buttons = list.querySelectorAll("button");
    buttons.forEach((button, i) => button.setAttribute("aria-current", i === at));
    if (!shown.length) return card.replaceChildren(element("p", { className: "note", textContent: "No response matches." }));
    const current = buttons[at];
    list.scrollTop = Math.max(0, current.offsetTop - list.offsetTop - list.clientHeight / 2);
    card.replaceChildren(drawn(samples[shown[at]]));
  }

// From orange (0) over grey to blue (1), which colour-blind readers can tell apart; the number stands beside it.
  function colour(q, opacity = 1) {
    const ends = [[213, 94, 0], [190, 190, 190], [0, 114, 178]];
    const [a, b, t] = q < .5 ? [ends[0], ends[1], 2 * q] : [ends[1], ends[2], 2 * q - 1];
    return `rgba(${a.map((x, i) => Math.round(x + t * (b[i] - x))).join(", ")}, ${opacity})`;
  }

  function drawn(one) {
    const made = element("div", { className: "card" });
    const left = element("div"), right = element("div");
    const verdict = element("b", { className: one.correct ? "good" : "bad", textContent: outcome(one) });
    const facts = [`${one.task}, ${names[one.source]}, N = ${one.N}, seed ${one.seed}`, one.problem, `difficulty ${one.difficulty}`];
    if (one.pass_rate !== null) facts.push(`pi_sft solves ${Math.round(100 * one.pass_rate)} % of its attempts`);
    if (!one.finished) facts.push("cut at the length limit");
    left.append(element("p", {}, verdict, ` \u00b7 ${facts.join(" \u00b7 ")}`));
    left.append(element("h4", { textContent: "Response, by step" }), steps(one));
    if (one.values.length) {
      left.append(element("p", { className: "note" }, "Value Q, the share of correct completions: 0 ", element("span", { className: "scale" }), ` 1. Before the first step: ${one.values[0].toFixed(2)}.`));
      if (one.search && one.search !== "exhaustive") left.append(element("p", { className: "note", textContent: `The search ${one.search} estimated only the values that place the first error; those of other steps are taken from their neighbours.` }));
    } else left.append(element("p", { className: "note", textContent: "No step values were estimated for this response." }));
    for (const [label, side, prefix, chosen, rejected] of one.pairs) {
      left.append(element("h4", { textContent: `Pair of ${names[label]}: this response is on the ${side} side` }));
      if (prefix) left.append(element("p", { className: "note", textContent: "After the shared steps" }), element("pre", { textContent: prefix }));
      left.append(element("p", { className: "note good", textContent: "chosen" }), element("pre", { textContent: chosen || "(ends here)" }));
      left.append(element("p", { className: "note bad", textContent: "rejected" }), element("pre", { textContent: rejected || "(ends here)" }));
    }
    right.append(element("h4", { textContent: "Problem" }), element("pre", { textContent: one.prompt }));
    right.append(element("h4", { textContent: "Teacher's solution" }), element("pre", { textContent: one.solution }));
    right.append(element("h4", { textContent: "Answer" }), element("pre", { textContent: one.answer }));
    if (one.board !== null) right.append(element("h4", { textContent: "Walk" }), picture(one, boards[one.board]));
    made.append(left, right);
    return made;
  }

  function steps(one) {
    const made = element("ol", { className: one.steps.every(step => step.length < 14 && !step.includes("\n")) ? "steps short" : "steps" });
    one.steps.forEach((step, i) => {
      const item = element("li", { className: "step", textContent: step.replace(/\n+$/, "") || "(nothing)" });
      if (one.values.length) {
        const q = one.values[i + 1];
        item.style.background = colour(q, .35);
        item.append(element("span", { className: "q", textContent: `Q = ${q.toFixed(2)}` }));
      }
      const marks = [];
      if (one.first_error === i + 1) marks.push(one.true_error === i + 1 ? "first error, by value and as the task knows it" : "first error, by value");
      else if (one.true_error === i + 1) marks.push("first error, as the task knows it");
      if (marks.length) {
        item.classList.add("error");
        item.append(element("span", { className: "mark", textContent: marks[0] }));
      }
      made.append(item);
    });
    return made;
  }

  function svg(tag, attributes, ...children) {
    const made = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

// The maze as corridors; each move of the walk in the colour of the value after it, dashed where there is no corridor.
  function picture(one, board) {
    const xs = board.places.map(place => place[0]), ys = board.places.map(place => place[1]);
    const [left, top] = [Math.min(...xs) - 1.1, Math.min(...ys) - 1.1];
    const box = [left, top, Math.max(...xs) - left + .7, Math.max(...ys) - top + .7];
    const made = svg("svg", { viewBox: box.join(" "), class: "maze", role: "img" });
    made.append(svg("title", {}, `Walk of ${one.problem}`));
    const edges = new Set(board.edges.map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`));
    for (const [a, b] of board.edges) made.append(svg("line", { x1: xs[a], y1: ys[a], x2: xs[b], y2: ys[b], stroke: "var(--floor)", "stroke-width": .62, "stroke-linecap": "round" }));
    const names = new Map();
    board.places.forEach(([x, y], i) => {
      if (y === Math.min(...ys)) names.set(`x${x}`, [x, top + .55, board.names[i].replace(/\d+$/, "")]);
      if (x === Math.min(...xs)) names.set(`y${y}`, [left + .4, y + .13, board.names[i].replace(/^\D+/, "")]);
    });
    for (const [x, y, text] of names.values()) made.append(svg("text", { x, y, "font-size": .4, "text-anchor": "middle", fill: "#c8ccd4" }, text));
    const passes = new Map();
    const error = one.first_error ?? one.true_error;
    for (let i = 1; i < one.walk.length; i++) {
      const [a, b] = [one.walk[i - 1], one.walk[i]];
      if (a === null || b === null) continue;
      const key = `${Math.min(a, b)} ${Math.max(a, b)}`;
      const pass = passes.get(key) ?? 0;
      passes.set(key, pass + 1);
      const length = Math.hypot(xs[b] - xs[a], ys[b] - ys[a]) || 1, aside = .13 * pass * (pass % 2 ? 1 : -1);
      const [dx, dy] = [-Math.abs(ys[b] - ys[a]) / length * aside, Math.abs(xs[b] - xs[a]) / length * aside];
      const line = svg("line", { x1: xs[a] + dx, y1: ys[a] + dy, x2: xs[b] + dx, y2: ys[b] + dy, "stroke-width": .14, "stroke-linecap": "round" });
      line.setAttribute("stroke", one.values.length ? colour(one.values[i]) : "#0072b2");
      if (!edges.has(key)) line.setAttribute("stroke-dasharray", ".12 .2");
      line.append(svg("title", {}, `step ${i}: ${board.names[b]}`));
      made.append(line);
      if (i === error) {
        const [x, y] = [xs[b] + dx, ys[b] + dy];
        made.append(svg("path", { d: `M${x - .2} ${y - .2}l.4 .4m0-.4l-.4 .4`, stroke: "#d55e00", "stroke-width": .12, class: "error" }));
      }
    }
    const start = one.walk[0];
    made.append(svg("circle", { cx: xs[start], cy: ys[start], r: .2, fill: "#009e73" }, svg("title", {}, "start")));
    made.append(svg("circle", { cx: xs[one.goal], cy: ys[one.goal], r: .28, fill: "none", stroke: "#cc79a7", "stroke-width": .12 }, svg("title", {}, "goal")));
    const legend = element("p", { className: "note", textContent: "Dot: start; ring: goal; cross: where the first error leads; dashed: no such corridor." });
    return element("div", {}, made, legend);
  }

  controls.addEventListener("input", apply);
  previous.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => show(at + 1));
  viewer.addEventListener("keydown", event => {
    if (event.target.matches("input, select")) return;
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
  apply();
}
