// Dark mode: the reader's choice, else the system's.
const root = document.documentElement;
const remember = { get() { try { return localStorage.getItem("theme"); } catch { return null; } }, set(theme) { try { localStorage.setItem("theme", theme); } catch { return; } } };
root.dataset.theme = remember.get() || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
const toggle = document.getElementById("theme");
const nameToggle = () => { toggle.textContent = root.dataset.theme === "dark" ? "Light" : "Dark"; };
nameToggle();
toggle.addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  remember.set(root.dataset.theme);
  nameToggle();
});

// Everything that the page shows of data is set as text, never as HTML.
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function dataOf(id) {
  const script = document.getElementById(id);
  return script ? JSON.parse(script.textContent) : null;
}

// A click sorts by that column, a second one the other way; cells without a number stay last.
for (const head of document.querySelectorAll("th")) {
  head.firstElementChild.addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const number = head.classList.contains("number");
    const key = row => number ? row.cells[head.cellIndex].dataset.key : row.cells[head.cellIndex].textContent;
    const order = (a, b) => {
      if (number && (a === "" || b === "")) return (a === "") - (b === "");
      return (down ? -1 : 1) * (number ? a - b : (a > b) - (a < b));
    };
    body.append(...[...body.rows].sort((a, b) => order(key(a), key(b))));
  });
}

// Labelled choices of the distinct values, in order; numbers by size.
function choice(name, values, names = {}) {
  const numeric = values.every(value => value !== "" && !isNaN(value));
  const distinct = [...new Set(values.map(String))].sort((a, b) => numeric ? a - b : (a > b) - (a < b));
  const select = element("select", { name }, element("option", { value: "", textContent: "all" }));
  for (const value of distinct) select.append(element("option", { value, textContent: names[value] ?? value }));
  return { select, label: element("label", {}, name, select), useful: distinct.length > 1 };
}

function search(name) {
  const input = element("input", { type: "search", name: "search", placeholder: "words, all of them" });
  return { input, label: element("label", {}, name, input) };
}

const matches = (text, words) => words.every(word => text.includes(word));
const wordsOf = input => input.value.toLowerCase().split(/\s+/).filter(Boolean);

// Filters of the run table: a choice for each column with few distinct values, and a search over the whole row.
for (const table of document.querySelectorAll("table[data-filter]")) {
  const rows = [...table.tBodies[0].rows];
  const texts = new Map(rows.map(row => [row, [...row.cells].map(cell => cell.textContent).join(" ").toLowerCase()]));
  const controls = element("div", { className: "controls" });
  const count = element("span", { className: "note" });
  count.setAttribute("role", "status");
  const selects = [];
  const words = search("search");
  controls.append(words.label);
  for (const name of table.dataset.filter.split("|")) {
    const head = [...table.tHead.rows[0].cells].find(cell => cell.textContent === name);
    if (!head) continue;
    const place = head.cellIndex;
    const one = choice(name, rows.map(row => row.cells[place].textContent));
    if (!one.useful) continue;
    selects.push([place, one.select]);
    controls.append(one.label);
  }
  controls.append(count);
  const apply = () => {
    const wanted = wordsOf(words.input);
    let shown = 0;
    for (const row of rows) {
      const fits = selects.every(([place, select]) => !select.value || row.cells[place].textContent === select.value);
      row.hidden = !(fits && matches(texts.get(row), wanted));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} runs`;
  };
  controls.addEventListener("input", apply);
  table.closest(".scroll").before(controls);
  apply();
}

// A click on a run opens its versions, commit and configuration.
const provenance = dataOf("provenance");
const details = document.getElementById("details");
for (const cell of document.querySelectorAll("#table-runs td[data-run]")) {
  const run = cell.dataset.run;
  const button = element("button", { type: "button", textContent: run });
  cell.replaceChildren(button);
  button.addEventListener("click", () => {
    const body = element("tbody");
    provenance.runs[run].forEach((value, place) => {
      if (value < 0) return;
      body.append(element("tr", {}, element("td", { textContent: provenance.keys[place] }), element("td", { textContent: provenance.values[place][value] })));
    });
    details.replaceChildren(
      element("form", { method: "dialog" }, element("button", { textContent: "Close" })),
      element("h3", { textContent: `Run ${run}` }),
      element("table", {}, body),
    );
    details.showModal();
  });
}
