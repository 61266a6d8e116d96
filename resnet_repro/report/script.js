"use strict";
const root = document.documentElement;
root.classList.add("scripted");

// Figures: a button of the legend shows or hides every part of its net.
for (const button of document.querySelectorAll("[data-switches]")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    for (const part of button.closest("figure").querySelectorAll("[data-net]")) {
      if (part.dataset.net === button.dataset.switches) part.classList.toggle("hidden-net", !shown);
    }
  });
}

// Verdicts: a button for each outcome shows or hides its rows.
for (const button of document.querySelectorAll("button[data-outcome]")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    for (const row of document.querySelectorAll(".verdict, .folded")) {
      if (row.dataset.outcome === button.dataset.outcome) row.hidden = !shown;
    }
  });
}

// A link to a verdict opens its row, and the one that it is folded into.
const openTarget = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let row = target; row; row = row.parentElement) if (row.tagName === "DETAILS") row.open = true;
};
addEventListener("hashchange", openTarget);
openTarget();

// Tables: sort by the number of a cell if it has one, else by its text. Empty cells come last.
const collator = new Intl.Collator("en", { numeric: true });
const compare = (a, b) => {
  if (!a.textContent || !b.textContent) return 0;
  const numbers = [a, b].map((cell) => cell.dataset.value);
  return numbers.includes(undefined) ? collator.compare(a.textContent, b.textContent) : numbers[0] - numbers[1];
};
const sortBy = (table, header) => {
  const column = [...header.parentNode.children].indexOf(header);
  const falling = header.getAttribute("aria-sort") === "ascending";
  for (const other of header.parentNode.children) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  const empty = (row) => row.cells[column].textContent === "";
  rows.sort((a, b) => empty(a) - empty(b) || (falling ? -1 : 1) * compare(a.cells[column], b.cells[column]));
  table.tBodies[0].append(...rows);
};
for (const table of document.querySelectorAll("table.sortable")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sortBy(table, header));
  }
}

// Commands: some browsers allow no clipboard access to a local file; then the text is selected instead.
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.parentNode.querySelector("code");
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      said = document.execCommand("copy") ? "Copied" : "Selected";
    }
    button.textContent = said;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

// Theme: that of the system, light or dark.
const themes = { "": "as the system", light: "light", dark: "dark" };
const themeButton = document.getElementById("theme");
const setTheme = (name) => {
  if (name) root.dataset.theme = name; else delete root.dataset.theme;
  themeButton.textContent = `Theme: ${themes[name]}`;
};
themeButton.addEventListener("click", () => {
  const names = Object.keys(themes);
  setTheme(names[(names.indexOf(root.dataset.theme || "") + 1) % names.length]);
});

// In print all rows are open.
addEventListener("beforeprint", () => { for (const row of document.querySelectorAll("details")) row.open = true; });
