// What every page shares: the colour mode's button, menus that close, times in the reader's zone.

const root = document.documentElement;

function toggleTheme() {
  const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
  root.dataset.bsTheme = next;
  try { localStorage.setItem("gas-theme", next); } catch { /* it lasts for this page only */ }
}

function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (event.type === "keydown" ? event.key === "Escape" : !menu.contains(event.target)) {
      menu.open = false;
    }
  }
}

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

function localiseTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    time.title = zone.format(new Date(time.dateTime));
  }
}

for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", toggleTheme);
}
document.addEventListener("click", closeMenus);
document.addEventListener("keydown", closeMenus);
document.addEventListener("htmx:afterSwap", (event) => localiseTimes(event.detail.elt));
localiseTimes(document);
