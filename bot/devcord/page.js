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

// What simcord's page lacks: other channels, and the menu of a message. The page's own requests
// show what a request of ours needs.
const plainFetch = window.fetch;
let headers = null;
window.fetch = async (path, options) => {
  const answer = await plainFetch(path, options);
  if (options?.headers?.["X-Simcord-Context"]) {
    const isFirst = headers === null;
    headers = options.headers;
    if (isFirst || path === "/api/action") void showPlaces();
  }
  return answer;
};

async function wish(kind, more = {}) {
  const { "X-Simcord-Capability": capability, "X-Simcord-Context": context } = headers;
  const answer = await plainFetch("/api/action", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-Simcord-Capability": capability,
      "X-Simcord-Context": context,
    },
    body: JSON.stringify({ kind, ...more }),
  });
  return answer.json();
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

const places = element("nav", "impasto-places", "");
places.setAttribute("aria-label", "Channels");
document.querySelector(".sidebar-heading").append(places);
let shownPlaces = "";
const placeNames = new Map();

async function showPlaces() {
  const found = (await wish("impasto_places")).places ?? [];
  if (JSON.stringify(found) === shownPlaces) return;
  shownPlaces = JSON.stringify(found);
  for (const place of found) placeNames.set(place.id, place.name.replace("# ", "#"));
  places.replaceChildren(...found.map((place) => {
    const button = element("button", "impasto-place", place.name);
    button.type = "button";
    if (place.is_here) button.setAttribute("aria-current", "page");
    button.addEventListener("click", async () => {
      newest = 0n;
      await wish("impasto_go", { place: place.place });
      await showPlaces();
    });
    return button;
  }));
}

const menu = element("div", "impasto-menu", "");
menu.setAttribute("role", "menu");
menu.hidden = true;
document.body.append(menu);

function closeMenu() {
  menu.hidden = true;
}

list.addEventListener("contextmenu", async (event) => {
  const message = event.target.closest(".channel-message");
  if (!message) return;
  event.preventDefault();
  const { commands = [] } = await wish("impasto_menu");
  if (!commands.length) return;
  menu.replaceChildren(element("div", "impasto-menu-title", "Apps"), ...commands.map((name) => {
    const entry = element("button", "impasto-menu-entry", name);
    entry.type = "button";
    entry.setAttribute("role", "menuitem");
    entry.addEventListener("click", () => {
      closeMenu();
      void wish("impasto_pick", { name, message_id: message.dataset.messageId });
    });
    return entry;
  }));
  menu.hidden = false;
  menu.style.left = `${Math.min(event.clientX, innerWidth - menu.offsetWidth - 8)}px`;
  menu.style.top = `${Math.min(event.clientY, innerHeight - menu.offsetHeight - 8)}px`;
});
addEventListener("click", (event) => { if (!menu.contains(event.target)) closeMenu(); });
addEventListener("keydown", (event) => { if (event.key === "Escape") closeMenu(); });

// Discord's own page names whoever an embed mentions; simcord's names them in content only.
function nameMentions() {
  const texts = document.createTreeWalker(list, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (!/<[@#]/.test(text.data) || !text.parentElement.closest(".embed-card")) continue;
    text.data = text.data.replace(/<@!?(\d+)>/g, (mention, id) => {
      const name = document.querySelector(`#viewer-picker option[value="${id}"]`)?.label;
      return name ? `@${name}` : mention;
    }).replace(/<#(\d+)>/g, (_, id) => placeNames.get(id) ?? "#unknown");
  }
}
new MutationObserver(nameMentions).observe(list, { childList: true, subtree: true });

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  .channel-context, #layout-label { display: none !important; }
  .impasto-places { display: flex; flex-direction: column; gap: 2px; margin-top: 8px; }
  .impasto-place, .impasto-menu-entry {
    padding: 6px 8px; border: 0; border-radius: 4px; background: none; text-align: left;
    color: var(--discord-subtle); font: inherit; font-size: 14px; cursor: pointer; }
  .impasto-place:hover, .impasto-menu-entry:hover { background: var(--discord-hover); color: #fff; }
  .impasto-place[aria-current] { background: var(--discord-hover); color: #fff; }
  .impasto-menu {
    position: fixed; z-index: 50; display: flex; flex-direction: column; min-width: 188px;
    padding: 6px; border: 1px solid var(--discord-border); border-radius: 4px;
    background: var(--discord-elevated); box-shadow: 0 8px 16px rgb(0 0 0 / 40%); }
  .impasto-menu[hidden] { display: none; }
  .impasto-menu-title { padding: 4px 8px; color: var(--discord-muted); font-size: 12px; }
`);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
