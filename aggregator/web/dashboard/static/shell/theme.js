// Light or dark: the system's until somebody chooses; a cookie keeps the choice, so that the server knows it too.

import { byId } from "./dom.js";

export function start() {
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.classList.contains("dark")
      || (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
    root.classList.remove("dark", "light");
    root.classList.add(dark ? "light" : "dark");
    document.cookie = `paifang_theme=${dark ? "light" : "dark"}; path=/; max-age=31536000; samesite=lax`;
    window.Quasar?.Dark.set(!dark);
  });
}
