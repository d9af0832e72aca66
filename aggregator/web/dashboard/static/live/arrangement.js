// The order of the cameras on the wall: as somebody has put them in this browser; else what works first.

const KEPT = "paifang-wall", MOST = 2000;
export const placeOf = it => `${it.site}/${it.box}/${it.id}`;

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) || "[]");
    return Array.isArray(found) ? found.filter(it => typeof it === "string").slice(0, MOST) : [];
  } catch {
    return [];
  }
}

export const arranged = () => kept().length > 0;
export const forget = () => localStorage.removeItem(KEPT);

// `rank` orders those that nobody has put anywhere.
export function inOrder(cameras, rank) {
  const at = new Map(kept().map((place, number) => [place, number]));
  const key = it => at.get(placeOf(it)) ?? at.size;
  return [...cameras].sort((a, b) => rank(a) - rank(b)).sort((a, b) => key(a) - key(b));
}

// The two change places; all others stay where they are.
export function swap(cameras, place, number) {
  const places = cameras.map(placeOf), from = places.indexOf(place);
  if (from < 0 || from === number || !places[number]) return false;
  [places[from], places[number]] = [places[number], places[from]];
  localStorage.setItem(KEPT, JSON.stringify([...places, ...kept().filter(it => !places.includes(it))].slice(0, MOST)));
  return true;
}
