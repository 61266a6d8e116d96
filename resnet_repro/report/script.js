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

// Curves: the nearest point of one is read out under a mouse, at a tap, or by keyboard. A slider that only screen
// readers see walks through all points; the arrows up and down change to the next curve.
const numbers = (text) => text.split(" ").flatMap((part) => {
  const [first, step, count] = part.split(/(?<=\d)[+*]/).map(Number);
  return Array.from({ length: count || 1 }, (_, place) => first + (step || 0) * place);
});
const readCurve = (curve, said) => {
  const panel = curve.closest("[data-frame]");
  const [left, top, right, bottom, ...values] = panel.dataset.frame.split(" ").map(Number);
  const along = (value, from, to, axis) => {
    const scale = (panel.dataset.log || "").includes(axis) ? Math.log10 : Number;
    return (scale(value) - scale(from)) / (scale(to) - scale(from));
  };
  const [says, epoch] = said[curve.dataset.says].split("@");
  const xs = numbers(curve.dataset.x);
  return curve.dataset.y.split(" ").map((y, place) => {
    const x = xs[place];
    const shown = x.toLocaleString("en");
    const text = says.replace("{y}", y).replace("{x}", shown).replace("{n}", place + 1);
    return {
      curve, x, net: curve.closest("[data-net]").dataset.net,
      text: epoch ? `${text} at step ${shown}, epoch ${(x / epoch).toFixed(2)}` : text,
      across: left + (right - left) * along(x, values[0], values[2], "x"),
      down: bottom - (bottom - top) * along(Number(y), values[3], values[1], "y"),
      inside: (point) => point.across > left - 1 && point.across < right + 1 && point.down > top - 1 && point.down < bottom + 1,
    };
  }).filter((point) => point.inside(point));
};
for (const drawing of document.querySelectorAll(".drawing")) {
  const svg = drawing.querySelector("svg[data-says]");
  if (!svg) continue;
  const said = svg.dataset.says.split("|");
  const points = [...svg.querySelectorAll("[data-y]")].flatMap((curve) => readCurve(curve, said));
  if (!points.length) continue;
  const isShown = (point) => !point.curve.closest(".hidden-net");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  const spot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  spot.setAttribute("r", 4);
  spot.setAttribute("class", "spot");
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", className: "reader", min: 0, max: points.length - 1, value: 0 });
  slider.setAttribute("aria-label", `points of the ${drawing.getAttribute("aria-label")}; arrows up and down change the curve`);
  drawing.before(slider);
  drawing.parentNode.append(tip);
  const hide = () => { tip.hidden = true; spot.remove(); };
  let current = 0;
  const show = (place) => {
    const point = points[current = place];
    slider.value = place;
    slider.setAttribute("aria-valuetext", `${point.net}: ${point.text}`);
    const net = document.createElement("b");
    net.textContent = point.net;
    tip.replaceChildren(net, ` ${point.text}`);
    tip.hidden = false;
    spot.setAttribute("cx", point.across);
    spot.setAttribute("cy", point.down);
    svg.append(spot);
    const scale = svg.getScreenCTM();
    const figure = tip.parentNode.getBoundingClientRect();
    const across = scale.a * point.across + scale.e - figure.left;
    tip.style.left = `${Math.max(0, Math.min(across + 12, figure.width - tip.offsetWidth))}px`;
    const down = scale.d * point.down + scale.f - figure.top;
    tip.style.top = `${down > tip.offsetHeight + 12 ? down - tip.offsetHeight - 12 : down + 12}px`;
  };
  const nearest = (event) => {
    const scale = svg.getScreenCTM();
    let found = -1, least = 24;  // in pixels
    points.forEach((point, place) => {
      const far = Math.hypot(scale.a * point.across + scale.e - event.clientX, scale.d * point.down + scale.f - event.clientY);
      if (far < least && isShown(point)) [found, least] = [place, far];
    });
    return found;
  };
  const point = (event) => {
    const place = nearest(event);
    if (place < 0) hide(); else show(place);
  };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
  document.addEventListener("pointerdown", (event) => { if (!svg.contains(event.target)) hide(); });

  // By keyboard: to the place, or the next one that way which is not hidden.
  const walk = (place, way) => {
    while (points[place] && !isShown(points[place])) place += way;
    if (!points[place]) place = points.findIndex(isShown);
    if (place < 0) return;
    show(place);
    const scale = svg.getScreenCTM();
    const edge = drawing.getBoundingClientRect();
    drawing.scrollBy({ left: scale.a * points[place].across + scale.e - edge.left - edge.width / 2 });
  };
  for (const moved of ["scroll", "resize"]) {
    (moved === "scroll" ? drawing : window).addEventListener(moved, () => { if (!tip.hidden) show(current); });
  }
  slider.addEventListener("focus", () => walk(current, 1));
  slider.addEventListener("blur", hide);
  slider.addEventListener("input", () => walk(Number(slider.value), Number(slider.value) < current ? -1 : 1));
  slider.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const curves = [...new Set(points.filter(isShown).map((other) => other.curve))];
    const next = curves[(curves.indexOf(points[current].curve) + way + curves.length) % curves.length];
    const far = (other) => Math.abs(other.x - points[current].x);
    const [closest] = points.filter((other) => other.curve === next).sort((a, b) => far(a) - far(b));
    if (closest) show(points.indexOf(closest));
  });
}

// Verdicts: a button for each outcome shows or hides its rows.
for (const button of document.querySelectorAll("button[data-outcome]")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    for (const row of document.querySelectorAll(".verdict")) {
      if (row.dataset.outcome === button.dataset.outcome) row.hidden = !shown;
    }
  });
}

// A link to a verdict opens its row.
const openTarget = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
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
