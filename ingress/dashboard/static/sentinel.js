// Keeps pages live, and makes the keyboard enough. Everything works without it; nothing is fetched elsewhere.
"use strict";

const root = document.documentElement;
const $ = (selector, within = document) => within.querySelector(selector);

// --- live: the server renders, we put it in place --------------------------------------------------------
const live = { source: null, paused: sessionStorage.getItem("paused") === "1" };

function place(event) {
  const part = JSON.parse(event.data);
  const old = document.getElementById(part.id);
  // What is being read or used is left alone until the next time.
  if (!old || old.contains(document.activeElement) && document.activeElement.matches("input, select, button")) return;
  old.innerHTML = part.html;
  keepPicked();
}

function say(text, running) {
  const status = $("#live-status");
  if (!status) return;
  status.textContent = text;
  status.classList.toggle("off", !running);
}

function connect() {
  const address = document.body.dataset.live;
  if (!address || live.paused || document.hidden || live.source) return;
  live.source = new EventSource(address);
  live.source.addEventListener("open", () => say("live", true));
  live.source.addEventListener("part", place);
  live.source.addEventListener("token", (event) => {
    const box = $("#tokens");
    if (box) {
      box.closest(".panel").hidden = false;
      box.textContent += JSON.parse(event.data);
      box.scrollTop = box.scrollHeight;
    }
  });
  live.source.addEventListener("over", () => { disconnect(); say("final", false); live.over = true; });
  live.source.addEventListener("error", () => say("reconnecting", false));
}

function disconnect() {
  if (live.source) live.source.close();
  live.source = null;
}

function setPaused(paused) {
  live.paused = paused;
  sessionStorage.setItem("paused", paused ? "1" : "0");
  const button = $("#pause");
  if (button) {
    button.setAttribute("aria-pressed", paused);
    button.textContent = paused ? "Resume" : "Pause";
  }
  if (paused) { disconnect(); say("paused", false); } else connect();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) { disconnect(); } else if (!live.over) connect();
});

// --- one click: the theme, a copy, a confirmation ----------------------------------------------------------
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "pause") setPaused(!live.paused);
  if (button.id === "theme") {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/dashboard; max-age=31536000; samesite=strict`;
  }
  if (button.dataset.copy) {
    navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  }
  if (button.id === "help") $("#keys").showModal();
});
document.addEventListener("submit", (event) => {
  const sure = event.submitter && event.submitter.dataset.sure;
  if (sure && !confirm(sure)) event.preventDefault();
});
document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-auto] select")) event.target.form.requestSubmit();
});

// --- keyboard --------------------------------------------------------------------------------------------
const places = { o: "", j: "/jobs", w: "/workers", q: "/queues", d: "/dead", s: "/stuck", c: "/cache", a: "/audit", k: "/keys" };
let going = false;
let picked = null;

function rows() { return [...document.querySelectorAll("tbody tr[data-href]")]; }

function keepPicked() {
  if (picked) rows().forEach((row) => row.classList.toggle("picked", row.dataset.href === picked));
}

function pick(step) {
  const all = rows();
  if (!all.length) return;
  const now = all.findIndex((row) => row.dataset.href === picked);
  const next = all[Math.max(0, Math.min(all.length - 1, now + step))];
  picked = next.dataset.href;
  keepPicked();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (going) {
    going = false;
    if (event.key in places) location.href = "/dashboard" + places[event.key];
    return;
  }
  if (event.key === "g") going = true;
  else if (event.key === "/") { const box = $("input[type=search]"); if (box) { box.focus(); event.preventDefault(); } }
  else if (event.key === "j") pick(1);
  else if (event.key === "k") pick(-1);
  else if (event.key === "Enter" && picked && event.target === document.body) location.href = picked;
  else if (event.key === "p" && $("#pause")) setPaused(!live.paused);
  else if (event.key === "?") $("#keys").showModal();
});

setPaused(live.paused);
