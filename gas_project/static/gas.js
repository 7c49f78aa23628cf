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

const clock = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const long = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
const full = new Intl.DateTimeFormat("en-GB", { ...clock, year: "numeric" });
const brief = new Intl.DateTimeFormat("en-GB", clock);

/** Write moments in the reader's own zone; the title names the zone. */
function localiseTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = long.format(moment);
    if (time.classList.contains("stamp")) {
      time.textContent = (time.classList.contains("brief") ? brief : full).format(moment);
    }
  }
}

for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", toggleTheme);
}
document.addEventListener("click", closeMenus);
document.addEventListener("keydown", closeMenus);
document.addEventListener("htmx:afterSettle", () => localiseTimes(document));
localiseTimes(document);
