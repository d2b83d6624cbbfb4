// What is ticked stays ticked from month to month, with its price; arrow keys go from picture to picture. Without this
// script, what is ticked on one page is restored, and its price is on the page that follows.
"use strict";

const KEPT = "cloudsync.chosen";
const MOST = 1000; // fields of a form (guard.py)
const form = document.querySelector(".sheet");
const boxes = () => [...form.querySelectorAll("[name=item]")];

function remembered() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(KEPT) || "[]"));
  } catch {
    return new Map();
  }
}

const chosen = remembered();

function note(box) {
  if (box.checked) chosen.set(box.value, [Number(box.dataset.files), Number(box.dataset.bytes)]);
  else chosen.delete(box.value);
}

let asked = 0;

async function tell() {
  sessionStorage.setItem(KEPT, JSON.stringify([...chosen]));
  form.classList.toggle("has-chosen", chosen.size > 0);
  form.querySelector(".tray .main").disabled = chosen.size > MOST;
  const turn = ++asked;
  if (!chosen.size) return;
  const sum = (at) => [...chosen.values()].reduce((all, one) => all + one[at], 0);
  const answer = await fetch(`/library/price?items=${chosen.size}&files=${sum(0)}&bytes=${sum(1)}`);
  if (!answer.ok || turn !== asked) return;
  const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-tray]");
  if (part) form.querySelector("[data-tray]").replaceWith(part);
}

function chooseDay(link) {
  const own = [...link.closest("section").querySelectorAll("[name=item]")];
  const all = own.every((box) => box.checked);
  for (const box of own) {
    box.checked = !all;
    note(box);
  }
  tell();
}

function sendAll() {
  const shown = new Set(boxes().map((box) => box.value));
  for (const value of chosen.keys()) {
    if (shown.has(value)) continue;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "item", value, className: "elsewhere" });
    form.append(field);
  }
}

function below(links, from, down) {
  const at = from.getBoundingClientRect();
  const rows = links.filter((one) => (one.getBoundingClientRect().top - at.top) * down > 8);
  const top = rows.length ? rows.at(down > 0 ? 0 : -1).getBoundingClientRect().top : 0;
  const row = rows.filter((one) => Math.abs(one.getBoundingClientRect().top - top) < 8);
  const off = (one) => Math.abs(one.getBoundingClientRect().left - at.left);
  return row.sort((one, other) => off(one) - off(other))[0];
}

function go(event) {
  const from = event.target.closest?.(".shots a");
  if (!from || event.altKey || event.ctrlKey || event.metaKey) return;
  const links = [...form.querySelectorAll(".shots a")];
  const at = links.indexOf(from);
  const to = {
    ArrowRight: () => links[at + 1], ArrowLeft: () => links[at - 1], Home: () => links[0], End: () => links.at(-1),
    ArrowDown: () => below(links, from, 1), ArrowUp: () => below(links, from, -1),
  }[event.key];
  if (to) {
    event.preventDefault();
    to()?.focus();
  } else if (event.key === " ") {
    event.preventDefault();
    from.parentElement.querySelector("[name=item]")?.click();
  }
}

if (form) {
  for (const box of boxes()) {
    if (box.checked) note(box);
    else box.checked = chosen.has(box.value);
  }
  form.addEventListener("change", (event) => {
    note(event.target);
    tell();
  });
  form.addEventListener("click", (event) => {
    const link = event.target.closest("[data-day]");
    if (!link) return;
    event.preventDefault();
    chooseDay(link);
  });
  form.addEventListener("submit", sendAll);
  const clear = form.querySelector("[data-clear]");
  clear.hidden = false;
  clear.addEventListener("click", () => {
    chosen.clear();
    for (const box of boxes()) box.checked = false;
    tell();
  });
  addEventListener("pageshow", () => {
    for (const field of form.querySelectorAll(".elsewhere")) field.remove();
  });
  form.addEventListener("keydown", go);
  tell();
}
