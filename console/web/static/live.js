// What htmx, which replaces a part of the page by what the server says now, is not told by attributes.
"use strict";

// A page that nobody sees asks nothing.
document.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden) event.preventDefault(); });

// Without an answer the part is pale: this machine sleeps, or `cloudsync web` has ended.
for (const trouble of ["htmx:sendError", "htmx:responseError", "htmx:timeout"])
  document.addEventListener(trouble, (event) => event.target.classList.add("stale"));
