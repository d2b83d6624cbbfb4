// Replaces what a run, or a restore, has said of itself by what it says now. Without this script a link does it.
"use strict";

const PAUSE = 2; // seconds between two looks, where the part does not say it

async function look(part) {
  const answer = await fetch(part.dataset.live, { headers: { accept: "text/html" } });
  if (!answer.ok) throw new Error(answer.status);
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".live");
  if (!found) throw new Error("no part");
  part.replaceWith(found);
  return found;
}

async function follow(part) {
  while (part.dataset.live) {
    await new Promise((go) => setTimeout(go, 1000 * (part.dataset.every || PAUSE)));
    if (document.hidden) continue;
    try {
      part = await look(part);
      part.classList.remove("stale");
    } catch {
      part.classList.add("stale"); // this machine sleeps, or `cloudsync web` has ended
    }
  }
  if (part.dataset.over === location.pathname) location.reload();
}

for (const part of document.querySelectorAll("[data-live]")) follow(part);
