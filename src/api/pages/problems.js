// What went wrong, in the reader's language.

import { el, replace } from "./dom.js";
import { t, word } from "./i18n.js";

/** The words of a problem. */
export function explain(problem) {
  if (problem?.code === undefined) return t("problem.page");
  const words = word("problem", problem.code);
  const says_more = ["bad_request", "conflict", "unknown_call"].includes(problem.code) && problem.message !== problem.code;
  if (problem.code === "too_many" && problem.retry) return t("problem.too_many_for", { s: problem.retry });
  return says_more ? `${words} ${problem.message}` : words;
}

/** A box that says what went wrong. */
export function trouble(problem) {
  return el("p", { class: "trouble", role: "alert" }, explain(problem));
}

/** Shows in a place what `load` makes: a sign that it is under way, then it, or what went wrong. */
export async function shown(place, load) {
  replace(place, el("p", { class: "quiet", role: "status" }, t("loading")));
  try {
    replace(place, await load());
  } catch (problem) {
    if (problem.name === "AbortError") return;
    if (problem.code === undefined) console.error(problem);
    replace(place, trouble(problem));
  }
}

/** Runs what a button asks for; meanwhile it cannot be pressed. What went wrong is said in `place`. */
export async function pressed(button, place, work) {
  button.disabled = true;
  replace(place);
  try {
    return await work();
  } catch (problem) {
    if (problem.code === undefined) console.error(problem);
    replace(place, trouble(problem));
    return undefined;
  } finally {
    button.disabled = false;
  }
}
