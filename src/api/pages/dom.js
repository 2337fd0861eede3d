// Elements without markup: all that comes from elsewhere becomes text or an attribute's value, never HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `on...` attributes are listeners; false, null and undefined ones are left out. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "href" || name === "src") element.setAttribute(name, ours(value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Addresses are of our own site: no `javascript:`, no `//elsewhere`.
function ours(address) {
  const text = String(address);
  const is_ours = text.startsWith("#") || text.startsWith("blob:") || /^\/(?![/\\])/.test(text);
  return is_ours ? text : "#";
}

/** Puts these children in place of what an element has. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** Sets an element's text, if it is another: what stays is not read out again. */
export function say(element, text) {
  const wanted = String(text ?? "");
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Sets an attribute, if it is another; null takes it away. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}

let ids = 0;

/** A labelled field: the label, and what is in it. */
export function field(label, control, hint) {
  control.id ||= `f${(ids += 1)}`;
  const parts = [el("label", { for: control.id }, label), control];
  if (hint) {
    const help = el("small", { id: `${control.id}h` }, hint);
    control.setAttribute("aria-describedby", help.id);
    parts.push(help);
  }
  return el("div", { class: "field" }, parts);
}

/** A choice of `[value, word]` pairs. */
export function choice(attributes, options, chosen = "") {
  const select = el("select", attributes, options.map(([value, word]) => el("option", { value }, word)));
  select.value = chosen;
  return select;
}

/** A table with a caption that screen readers read. Rows are arrays of cells: text or elements. */
export function table(caption, heads, rows, attributes = {}) {
  const cell = (content, head) => el("td", { "data-head": head }, content ?? "");
  return el(
    "div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table", attributes,
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((content, at) => cell(content, heads[at]))))),
    ),
  );
}
