// Menus made of `details`: the account menu, and "More" of the navigation on a telephone. One closes with a press outside
// it, with Escape, when the focus leaves it, and when another menu or a dialog opens. The page's own handlers may stop an
// event, so it is taken before they get it.

const MENUS = "details.user, .more details";
const opened = () => [...document.querySelectorAll(MENUS)].filter(it => it.open);

function closeOthers(inside) {
  for (const menu of opened()) if (!(inside instanceof Node && menu.contains(inside))) menu.open = false;
}

export function start() {
  addEventListener("pointerdown", event => closeOthers(event.target), true);
  addEventListener("click", event => closeOthers(event.target), true);
  addEventListener("focusin", event => closeOthers(event.target), true);
  addEventListener("toggle", event => {
    const element = event.target;
    if (element.matches?.(MENUS) && element.open) closeOthers(element);
  }, true);
  addEventListener("keydown", event => {
    const [menu] = opened();
    if (event.key !== "Escape" || !menu || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    event.stopPropagation();
    const back = menu.contains(document.activeElement);
    menu.open = false;
    if (back) menu.querySelector("summary").focus();
  }, true);
}
