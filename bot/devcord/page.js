// Served in place of simcord's app.js: the same page with Impasto's name on it, without the buttons
// that only simcord's own users need, and scrolling to a new message as Discord does.
import "/simcord-app.js";

const NOT_FOR_NEWCOMERS = ["refresh", "capture-open", "inspector-toggle"];

document.title = "Impasto, offline Discord";
for (const id of NOT_FOR_NEWCOMERS) document.getElementById(id).style.display = "none";
const [name, kind] = document.querySelectorAll(".preview-brand strong, .preview-brand small");
name.textContent = "Impasto";
kind.textContent = "offline Discord, by SimCord";
document.querySelector(".brand-mark").textContent = "I";

const timeline = document.getElementById("channel-timeline");
const list = document.getElementById("channel-message-list");
let newest = 0n;
let following = true;

function toBottom() {
  if (following) timeline.scrollTop = timeline.scrollHeight;
}

// A new message is followed, also while its picture grows; who scrolls up reads in peace.
new MutationObserver(() => {
  const id = BigInt(list.querySelector(".channel-message:last-of-type")?.dataset.messageId ?? 0);
  if (id <= newest) return;
  newest = id;
  following = true;
  requestAnimationFrame(toBottom);
}).observe(list, { childList: true });
new ResizeObserver(() => requestAnimationFrame(() => requestAnimationFrame(toBottom))).observe(list);
for (const gesture of ["wheel", "touchmove", "keydown", "pointerdown"]) {
  timeline.addEventListener(gesture, () => requestAnimationFrame(() => {
    following = timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight < 40;
  }), { passive: true });
}
