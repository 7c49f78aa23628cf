// Runs before the first paint: the mode that the person chose here, else what the system prefers.
(() => {
  const chosen = (() => { try { return localStorage.getItem("gas-theme"); } catch { return null; } })();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.bsTheme = chosen ?? (dark ? "dark" : "light");
  document.documentElement.classList.add("js");
})();
