// Reading results: keys to the neighbours, a filter that starts closed on a phone, copying.

/** Follow a link marked with the key that was pressed, unless somebody is writing. */
function follow(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`)?.click();
}

async function copy(button) {
  const part = document.getElementById(button.dataset.copy);
  const before = button.lastChild.textContent;
  try {
    await navigator.clipboard.writeText(part.innerText);
    button.lastChild.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(part);
    button.lastChild.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.lastChild.textContent = before; }, 2500);
}

document.addEventListener("keydown", follow);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
for (const details of document.querySelectorAll("[data-narrow-closed]")) {
  if (matchMedia("(max-width: 991px)").matches) details.open = false;
}
