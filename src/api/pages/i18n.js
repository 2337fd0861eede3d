// Words in English and Korean. The dictionaries have the same keys; a test compares them.

import en from "./words_en.js";
import ko from "./words_ko.js";

const dictionaries = { en, ko };
export const languages = [["en", "English"], ["ko", "한국어"]];
let chosen = "en";

/** What was kept for this browser. Without storage nothing is. */
export function kept(name) {
  try {
    return localStorage.getItem(`hushgate.${name}`);
  } catch {
    return null;
  }
}

/** Keeps something for this browser. */
export function keep(name, value) {
  try {
    localStorage.setItem(`hushgate.${name}`, value);
  } catch {
    // A browser that keeps nothing forgets the choice.
  }
}

/** The language: of the address, of the last time, of the browser. */
export function chooseLanguage() {
  const asked = [new URLSearchParams(location.search).get("lang"), kept("language"), ...(navigator.languages ?? [])];
  const found = asked.map((name) => (name ?? "").slice(0, 2)).find((name) => Object.hasOwn(dictionaries, name));
  setLanguage(found ?? "en");
}

export function setLanguage(name) {
  chosen = name;
  document.documentElement.lang = name;
}

export const language = () => chosen;

/** The words of a key, with `{name}` filled in. */
export function t(key, values = {}) {
  const words = dictionaries[chosen][key] ?? en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The words of a key that may not be there. */
export function word(prefix, name) {
  const key = `${prefix}.${name}`;
  return Object.hasOwn(en, key) ? t(key) : String(name ?? "").replaceAll("_", " ");
}
